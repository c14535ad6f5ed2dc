"""
nginx with its new files: rehearsed before any of them is in place, gated before they are kept.

It may not believe a reload until the old workers have stopped to accept, nor judge by what nginx
writes: exit codes and answers decide.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Callable, Dict, Sequence, Set

from cinestream_ops.agent import probes, systemd
from cinestream_ops.agent.kit import Kit, last_lines
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import paths
from cinestream_ops.state.items import Gate, Unit
from cinestream_ops.state.steps import PUT, RESTART, Step

SERVICE = "nginx.service"
PID = "/run/nginx.pid"
ERRORS = "/var/log/nginx/error.log"
TEST, RELOADED, DRAINED, WELL = 30, 10, 30, 5  # seconds
TURN = 0.01


def do(step: Step, kit: Kit) -> None:
    """Live with the new files, every site as well as before."""
    assert isinstance(step.item, Gate)
    test(kit)
    reload(kit)
    ask(kit, step.item)
    if step.item.drained:
        drain(kit)


def note_who_is_well(changes: Sequence[Step], kit: Kit) -> None:
    """
    What has to be so behind the gate.

    Sites that the change touches must be well: those that are now, and whose units are started.
    For their neighbours nginx must answer as it does now.
    """
    gates = [step.item for step in changes if isinstance(step.item, Gate)]
    neighbours = {host for gate in gates for host in gate.neighbours}
    hosts = {host for gate in gates for host in gate.probes} - neighbours
    started = {
        paths.local_host(step.site)
        for step in changes
        if isinstance(step.item, Unit) and step.verb in {PUT, RESTART}
    }
    kit.asked = probes.asked({host for host in neighbours if host.endswith(".localhost")})
    kit.must_be_named = probes.names(neighbours)
    kit.must_be_well = probes.well(hosts, patience=0) | (hosts & started)


def ask(kit: Kit, gate: Gate) -> None:
    hosts = set(gate.probes) - set(gate.neighbours)
    wanted = kit.must_be_well & hosts
    ill = wanted - probes.well(wanted, WELL)
    if ill:
        raise Refused(
            f"{quoted(ill)} would not answer `/healthz` with 200 any more",
            "its logs tell why: `cinestream logs`",
        )
    ask_of_neighbours(kit, gate)


def ask_of_neighbours(kit: Kit, gate: Gate) -> None:
    before = {host: name for host, name in kit.must_be_named.items() if host in gate.neighbours}
    now = probes.names(before)
    lost = {host for host in before if now.get(host) != before[host]}
    if lost:
        raise Refused(
            f"nginx would not answer for {quoted(lost)} as before",
            "`nginx -T` on the server shows what else has that name",
        )
    ill = set(gate.neighbours) & probes.unwell(kit.asked)
    if ill:
        text = f"{quoted(ill)} did not answer `/healthz` with 200, and has no part in this change"
        kit.tell("said", key=gate.key, text=f"{text}: `cinestream status` tells more\n")


def quoted(hosts: Set[str]) -> str:
    return ", ".join(f"`{host}`" for host in sorted(hosts))


def test(kit: Kit) -> None:
    try:
        kit.run(["nginx", "-t", "-q"], TEST)
    except Refused as error:
        raise Refused(f"nginx does not accept its configuration: {error.why}") from None


def reload(kit: Kit) -> None:
    """The files as they are now, served by new workers alone; nginx is started if it is not."""
    if not running():
        kit.run(["systemctl", "start", SERVICE], systemd.WORK)
        return
    old = accepting()
    kit.run(["systemctl", "reload", SERVICE], systemd.WORK)
    if not passed(lambda: not old & accepting() and bool(accepting()), RELOADED):
        raise Refused(f"nginx did not take its new configuration:\n{errors()}", f"see `{ERRORS}`")


def take_back(kit: Kit) -> None:
    """On the way back: only what runs is reloaded, and at boot nginx comes after us anyway."""
    if running() and not kit.booting:
        test(kit)
        reload(kit)


def drain(kit: Kit) -> None:
    """Wait for requests that old workers are still at; a visitor who stays longer is let go."""
    if not kit.booting:
        passed(lambda: not leaving(), DRAINED)


def running() -> bool:
    return bool(workers())


def accepting() -> Set[int]:
    return {pid for pid, name in workers().items() if "shutting down" not in name}


def leaving() -> Set[int]:
    return {pid for pid, name in workers().items() if "shutting down" in name}


def workers() -> Dict[int, str]:
    """The workers of nginx, and what they call themselves (`ngx_setproctitle`)."""
    try:
        master = int(Path(PID).read_text())
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    except (OSError, ValueError):
        return {}
    names = {int(child): title(child) for child in children}
    return {pid: name for pid, name in names.items() if "worker process" in name}


def title(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def errors() -> str:
    try:
        with Path(ERRORS).open("rb") as log:
            log.seek(max(os.fstat(log.fileno()).st_size - 4096, 0))
            return last_lines(log.read().decode(errors="replace"))
    except OSError:
        return ""


def passed(condition: Callable[[], bool], patience: float) -> bool:
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(TURN)
    return True
