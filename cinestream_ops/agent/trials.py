"""
A worker of what is about to go live, on a port that nginx knows nothing of.

It may not touch a worker that runs, nor outlive its step.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import List

from cinestream_ops.agent import probes, transient
from cinestream_ops.agent.kinds import RESTORE
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Trial
from cinestream_ops.state.steps import Step

PATIENCE, ANSWERED = 120, 30  # seconds until it must be ready, and until it must have answered
LIFE = "RuntimeMaxSec=300"  # should nobody be left to stop it
HINT = "nothing else was touched; `cinestream logs` and the code may tell more"


def back(step: Step) -> List[Step]:
    """A dead agent leaves it running."""
    return [Step(RESTORE, step.item, None, step.phase, step.site)]


def do(step: Step, kit: Kit) -> None:
    item = step.item
    assert isinstance(item, Trial)
    unit = f"cinestream-trial-{item.site}.service"
    end(unit)
    if step.verb == RESTORE:
        return
    try:
        port = start(item, unit, kit)
        ask(item, port)
    finally:
        end(unit)


def end(unit: str) -> None:
    transient.end(socket_of(unit))
    transient.end(unit)


def socket_of(unit: str) -> str:
    return unit.replace(".service", ".socket")


def start(item: Trial, unit: str, kit: Kit) -> int:
    """
    The port of a worker that said it is ready.

    Its socket is systemd's, as those of workers are: any other is not reached there.
    """
    port = free_port(item)
    words = [each.replace("{port}", str(port)) for each in item.argv]
    listens = f"--socket-property=ListenStream={probes.HERE}:{port}"
    options = ["--service-type=notify", listens]
    run = transient.argv(unit, options, [*item.properties, "NotifyAccess=main", LIFE])
    try:
        kit.run([*run, *transient.escaped(words)], PATIENCE)
        kit.run(["systemctl", "start", unit], PATIENCE)
    except Refused as error:
        why = (transient.last_words(unit) or error.why).replace("error: ", "", 1)
        said = f"\n{why}" if "\n" in why else f" {why}"
        raise Refused(f"a trial worker of `{item.site}` did not start:{said}", HINT) from None
    return port


def free_port(item: Trial) -> int:
    for port in (*range(item.port, item.end), 0):
        with suppress(OSError), socket.socket() as probe:
            probe.bind((probes.HERE, port))
            return int(probe.getsockname()[1])
    raise Refused("no port is free for a trial worker")


def ask(item: Trial, port: int) -> None:
    """It can serve, and the application does not fail at the first page that anybody opens."""
    for path, good in (("/readyz", range(200, 300)), ("/", range(200, 500))):
        code = answer(port, path)
        if code not in good:
            told = f"answers `{path}` with {code}" if code else f"does not answer `{path}`"
            unit = f"cinestream-trial-{item.site}.service"
            why = f"a trial worker of `{item.site}` {told}\n{transient.last_words(unit)}"
            raise Refused(why.strip(), HINT)


def answer(port: int, path: str) -> int:
    """The status; 0 without an answer."""
    end = time.monotonic() + ANSWERED
    try:
        with socket.create_connection((probes.HERE, port), timeout=ANSWERED) as stream:
            return probes.exchange(stream, path, "localhost", end)[0]
    except (OSError, ValueError):
        return 0
