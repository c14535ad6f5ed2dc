"""
How sites are at this moment: their workers, whether they can serve, and their certificates.

It changes nothing, and asks systemd once; of workers that ended by themselves, the journal too.
"""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from cinestream_ops.agent import ends, examine, probes, systemd
from cinestream_ops.agent.systemd import Shown

PROPERTIES = (
    "ActiveState", "SubState", "MainPID", "NRestarts", "Result",
    "ExecMainStartTimestampMonotonic",
)  # fmt: skip
ASLEEP = {"ActiveState": "inactive", "SubState": "dead"}  # not in the memory of systemd
LIMIT = "service-start-limit-hit"  # the result of the socket of a worker that was given up
READY = 2  # seconds
PORT = re.compile(r"@(\d+)\.service$")
PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)


def status(sites: Mapping[str, Sequence[str]]) -> List[Dict[str, Any]]:
    """By site, its workers; memory in bytes (proportional), `since` in seconds of the epoch."""
    units = [unit for each in sites.values() for unit in each]
    shown = states(units)
    given_up = failures(shown)
    ended = ends.ends([unit for unit in units if has_ended(shown[unit])])
    with ThreadPoolExecutor(64) as pool:
        ready = dict(zip(units, pool.map(readiness, units)))
    taken = squatters([unit for unit in units if not pid(shown[unit])])

    def told(unit: str) -> Dict[str, Any]:
        now = {**shown[unit], **given_up.get(unit, {})}
        return worker(unit, now, ready[unit], ended.get(unit, ""), taken.get(unit, ""))

    return [{"name": name, "workers": list(map(told, each))} for name, each in sites.items()]


def states(units: Sequence[str]) -> Dict[str, Shown]:
    """Of those alone that systemd knows is more to be told: it would read the others' files."""
    loaded = systemd.running(units)
    known = systemd.show([unit for unit in units if unit in loaded], PROPERTIES)
    return {unit: known.get(unit, ASLEEP) for unit in units}


def pid(shown: Shown) -> int:
    return int(shown.get("MainPID", 0))


def has_ended(shown: Shown) -> bool:
    return int(shown.get("NRestarts", 0)) > 0 or shown["ActiveState"] not in ("active", "inactive")


def failures(shown: Mapping[str, Shown]) -> Dict[str, Shown]:
    """The result of those that failed; where too many starts were why, their sockets alone know."""
    failed = [unit for unit, each in shown.items() if each.get("ActiveState") == "failed"]
    sockets = [unit.replace(".service", ".socket") for unit in failed]
    found = systemd.show(sockets, ["Result"])
    return {
        unit: found[socket]
        for unit, socket in zip(failed, sockets)
        if found.get(socket, {}).get("Result") == LIMIT
    }


def worker(
    unit: str, shown: Shown, ready: Tuple[bool, str], ended: str, squatter: str
) -> Dict[str, Any]:
    return {
        "unit": unit,
        "state": shown["ActiveState"],
        "sub": shown.get("SubState", ""),
        "pid": pid(shown),
        "memory": memory(pid(shown)),
        "restarts": int(shown.get("NRestarts", 0)),
        "since": since(int(shown["ExecMainStartTimestampMonotonic"])) if pid(shown) else 0,
        "ready": ready[0] and not squatter,
        "why": "" if ready[0] and not squatter else reason(shown, ready[1], ended, squatter),
        "ended": ended,
        "squatter": squatter,
    }


def reason(shown: Shown, answer: str, ended: str, squatter: str = "") -> str:
    """Why a worker cannot serve, in words that follow its name."""
    state, sub = shown.get("ActiveState"), shown.get("SubState")
    if squatter:
        return f"does not run, and its port is in use by {squatter}"
    if state == "failed":
        often = f" at each of {int(shown['NRestarts'])} starts, and was given up"
        return (ended or "failed") + (often if shown.get("Result") == LIMIT else "")
    if sub == "auto-restart":
        return f"{ended or 'ended'}, and is about to be started again"
    if state == "activating":
        seconds = time.monotonic() - int(shown["ExecMainStartTimestampMonotonic"]) / 1e6
        return f"has been starting for {seconds:.0f} s" + (
            f"; last time it {ended}" if ended else ""
        )
    if state == "active":
        return answer
    return "does not run"


def memory(process: int) -> int:
    """What it would free, and its share of what it has in common with others."""
    try:
        found = PSS.search(Path(f"/proc/{process}/smaps_rollup").read_text())
    except OSError:
        return 0
    return int(found[1]) << 10 if found else 0


def since(moment: int) -> float:
    """*moment* is in microseconds since the boot."""
    return round(time.time() - time.monotonic() + moment / 1e6, 1) if moment else 0.0


def readiness(unit: str) -> Tuple[bool, str]:
    """Whether the worker can serve, and if not, why: asked past nginx, which lets nobody ask."""
    found = PORT.search(unit)
    if not found:
        return True, ""
    end = time.monotonic() + READY
    try:
        with socket.create_connection((probes.HERE, int(found[1])), timeout=READY) as stream:
            code, _ = probes.exchange(stream, "/readyz", f"{probes.HERE}:{found[1]}", end)
    except (OSError, ValueError) as error:
        return False, f"does not answer `/readyz`: {error}"
    return code == 200, "" if code == 200 else f"answers `/readyz` with {code}"


def squatters(units: Sequence[str]) -> Dict[str, str]:
    """Who else listens on the port of each of *units*, of which none runs; of others nothing."""
    found = [(unit, PORT.search(unit)) for unit in units]
    ports = {unit: int(port[1]) for unit, port in found if port}
    there = examine.listening(*ports.values())
    return {
        unit: ", ".join(examine.names(there[port]))
        for unit, port in ports.items()
        # Where systemd does too it is the worker's own socket, whoever has it by now.
        if port in there and 1 not in there[port]
    }
