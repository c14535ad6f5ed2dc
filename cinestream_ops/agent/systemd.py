"""
What systemd is asked and told, each time within a bound.

It may not be asked once per unit: everything here takes many.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Dict, Iterator, List, Sequence

from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused

RUNS = Path("/run/systemd/system")  # sd_booted(3)
LOOK, WORK = 20, 300  # seconds
STATES = ("LoadState", "UnitFileState", "ActiveState")

Shown = Dict[str, str]


def show(units: Sequence[str], properties: Sequence[str] = STATES) -> Dict[str, Shown]:
    """The *properties* of *units*, from one `systemctl show`; nothing where systemd is not."""
    if not units or not RUNS.is_dir():
        return {}
    argv = ["systemctl", "show", "-p", ",".join(properties), "--", *units]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=LOOK, check=True, text=True)
    except (OSError, subprocess.SubprocessError):
        raise Refused(f"systemd did not tell of `{units[0]}` within {LOOK} s") from None
    # The answers are in the order of the questions; names in them may be other names of the unit.
    return dict(zip(units, blocks(done.stdout)))


def blocks(text: str) -> Iterator[Shown]:
    for block in text.strip("\n").split("\n\n"):
        yield dict(line.split("=", 1) for line in block.splitlines())


def tell(kit: Kit, verb: str, units: Sequence[str], timeout: float = WORK) -> None:
    """`systemctl VERB UNITS`; while the server boots, without waiting for what it starts."""
    if units:
        patience = ["--no-block"] if kit.booting and verb in WAITING else []
        kit.run(["systemctl", verb, "--quiet", *patience, "--", *units], timeout)


WAITING = {"start", "stop", "restart", "try-restart", "reload-or-restart"}


def reset(kit: Kit, units: Sequence[str]) -> None:
    """Forget failures; a unit that is not loaded has none, and that is no trouble."""
    with suppress(Refused):
        tell(kit, "reset-failed", units, LOOK)


def reload(kit: Kit) -> None:
    kit.run(["systemctl", "daemon-reload"], WORK)


def last_words(kit: Kit, unit: str) -> str:
    """The end of the journal of *unit*, since that tells why it failed."""
    argv = ["journalctl", "-u", unit, "-n", "15", "-o", "cat", "--no-pager", "-q"]
    try:
        return kit.run(argv, LOOK).strip()
    except Refused:
        return ""


def batches(units: Sequence[str]) -> Iterator[List[str]]:
    """At most a quarter of the instances of one template at a time; others one by one."""
    by_template: Dict[str, List[str]] = {}
    for unit in units:
        by_template.setdefault(unit.partition("@")[0], []).append(unit)
    for same in by_template.values():
        size = max(1, len(same) // 4)
        yield from (same[start : start + size] for start in range(0, len(same), size))
