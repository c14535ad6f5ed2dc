"""
Programs of a site that systemd runs for a step, as the site's user in the sandbox of its workers.

Their units have names of their own, so that the way back finds what a dead agent has left running.
"""

from __future__ import annotations

import subprocess
from typing import List, Sequence

from cinestream_ops.agent import kit

STOPPED = 60  # seconds that one may take to stop


def argv(unit: str, options: Sequence[str], properties: Sequence[str]) -> List[str]:
    """`systemd-run` up to the command; the usual description would be all of that, in the log."""
    told = [*options, f"--unit={unit}", f"--description={unit.partition('.')[0]}"]
    return ["systemd-run", "--quiet", *told, *(f"--property={each}" for each in properties), "--"]


def escaped(arguments: Sequence[str]) -> List[str]:
    """As they are, for systemd replaces variables in arguments."""
    return [each.replace("$", "$$") for each in arguments]


def end(unit: str) -> None:
    """Leave nothing of *unit*, whether there is one or not."""
    try:
        quiet("stop", unit)
    except subprocess.TimeoutExpired:
        # One that says when it is ready can put off its end for as long as it likes.
        quiet("kill", "--kill-who=all", "--signal=KILL", unit)
        quiet("stop", unit)
    quiet("reset-failed", unit)


def last_words(unit: str) -> str:
    """The end of what this very run of *unit* has written."""
    run = quiet("show", "--property=InvocationID", "--value", unit).strip()
    if not run:
        return ""
    argv = ["journalctl", "--namespace=*", f"_SYSTEMD_INVOCATION_ID={run}", "-n", "15", "-o", "cat"]
    return said([*argv, "-q", "--no-pager"]).strip()


def quiet(*words: str) -> str:
    """What systemctl says to *words*; no signal cuts it short."""
    return said(["systemctl", *words])


def said(argv: Sequence[str]) -> str:
    done = subprocess.run(
        argv,
        env={"PATH": kit.PATH, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=STOPPED,
        check=False,
    )
    return done.stdout.decode(errors="replace")
