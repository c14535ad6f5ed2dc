"""
How sites are at this moment: their workers, whether they can serve, and their certificates.

It changes nothing, and asks systemd once.
"""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from cinestream_ops.agent import probes, systemd
from cinestream_ops.agent.systemd import Shown

PROPERTIES = ("ActiveState", "SubState", "MainPID", "NRestarts", "ActiveEnterTimestampMonotonic")
READY = 2  # seconds
PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)


def status(sites: Mapping[str, Sequence[str]]) -> List[Dict[str, Any]]:
    """By site, its workers; memory in bytes (proportional), `since` in seconds of the epoch."""
    units = [unit for each in sites.values() for unit in each]
    shown = systemd.show(units, PROPERTIES)
    with ThreadPoolExecutor(16) as pool:
        ready = dict(zip(units, pool.map(readiness, units)))
    return [
        {"name": name, "workers": [worker(unit, shown.get(unit, {}), ready[unit]) for unit in each]}
        for name, each in sites.items()
    ]


def worker(unit: str, shown: Shown, ready: Tuple[bool, str]) -> Dict[str, Any]:
    pid = int(shown.get("MainPID", 0))
    return {
        "unit": unit,
        "state": shown.get("ActiveState", "unknown"),
        "sub": shown.get("SubState", ""),
        "pid": pid,
        "memory": memory(pid),
        "restarts": int(shown.get("NRestarts", 0)),
        "since": since(int(shown.get("ActiveEnterTimestampMonotonic", 0))),
        "ready": ready[0],
        "why": ready[1],
    }


def memory(pid: int) -> int:
    """What the process would free, and its share of what it has in common with others."""
    try:
        found = PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError:
        return 0
    return int(found[1]) << 10 if found else 0


def since(moment: int) -> float:
    """*moment* is in microseconds since the boot."""
    return round(time.time() - time.monotonic() + moment / 1e6, 1) if moment else 0.0


def readiness(unit: str) -> Tuple[bool, str]:
    """Whether the worker can serve, and if not, why: asked past nginx, which lets nobody ask."""
    found = re.search(r"@(\d+)\.service$", unit)
    if not found:
        return True, ""
    try:
        with socket.create_connection((probes.HERE, int(found[1])), timeout=READY) as stream:
            code, _ = probes.exchange(stream, "/readyz", f"{probes.HERE}:{found[1]}")
    except (OSError, ValueError) as error:
        return False, f"no answer: {error}"
    return code == 200, "" if code == 200 else f"`/readyz` answers {code}"
