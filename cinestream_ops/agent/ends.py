"""
How workers ended that did not mean to, as systemd wrote it into the journal.

Asked only about those that are in trouble, or were: for all others it costs nothing.
"""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any, Dict, List, Mapping, Sequence

# sd-messages.h: a process of a unit ended, a unit failed, the kernel's memory killer was at it.
EXIT = "98e322203f7a4ed290d09fe03c09fe15"
RESULT = "d9b373ed55a64feb8242e02dbe79a49c"
MEMORY = "fe6faa94e7774663a0da52717891d8ef"
# Whoever may write to the journal can write any of these fields: those of PID 1 alone count
# (systemd.journal-fields(7), "Trusted Journal Fields").
BY_SYSTEMD = "_PID=1"
PATIENCE, MOST = 10, 2000  # seconds, lines

TOO_LATE = "was not ready in time"
RESULTS = {
    "timeout": TOO_LATE,
    "watchdog": "answered nothing any more",
    "oom-kill": "was killed because its site was out of memory",
}

Line = Mapping[str, Any]


def ends(units: Sequence[str]) -> Dict[str, str]:
    """How each of *units* that failed since the boot did so last, in words that follow its name."""
    found: Dict[str, List[Line]] = {}
    for line in journal(units):
        found.setdefault(str(line.get("UNIT", "")), []).append(line)
    return {unit: told(lines) for unit, lines in found.items()}


def told(lines: Sequence[Line]) -> str:
    """`ended with exit code 7`, say; empty if nothing of *lines*, of one unit, tells."""
    result, code, status = "", "", ""
    for line in lines:
        kind, ended = line.get("MESSAGE_ID"), str(line.get("UNIT_RESULT", ""))
        if kind == MEMORY:
            result = "oom-kill"
        elif kind == EXIT:
            code, status = str(line.get("EXIT_CODE", "")), str(line.get("EXIT_STATUS", ""))
        elif result != "oom-kill" or ended != "signal":
            result = ended
    if result in RESULTS:
        return RESULTS[result]
    if code == "exited":
        return f"ended with exit code {status}"
    return f"was killed{by(status)}" if code else ""


def journal(units: Sequence[str]) -> List[Line]:
    """The oldest first; nothing, where the journal does not tell."""
    if not units:
        return []
    which = [f"MESSAGE_ID={each}" for each in (EXIT, RESULT, MEMORY)]
    argv = ["journalctl", "-q", "-b", "-o", "json", "--no-pager", "-n", str(MOST)]
    try:
        done = subprocess.run(
            [*argv, BY_SYSTEMD, *which, *(f"UNIT={unit}" for unit in units)],
            capture_output=True, timeout=PATIENCE, check=True,
        )  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []


def by(status: str) -> str:
    try:
        name = signal.Signals(int(status)).name
    except ValueError:
        return ""
    # Where it keeps no count by group, this is all that it tells.
    memory = ", as the kernel does when memory runs out" if name == "SIGKILL" else ""
    return f" by {name}{memory}"
