"""
Workers that give their port to a successor: it answers before they leave, so that nobody waits.

One that can do so says it in its status.  It is asked by SIGHUP, and serves on if none comes.
"""

from __future__ import annotations

import re
import time
from typing import Dict, Sequence, Set

from cinestream_ops.agent import systemd, units
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Item, Unit
from cinestream_ops.state.steps import Step

ABLE, COMING = "SIGHUP asks for a successor", "a successor starts"
PATIENCE = 100  # seconds; a worker itself gives up after 90
HEARD = 10  # seconds in which it hears
EVERY = 0.05  # seconds
BROKEN = re.compile(r"no successor: process (\d+)")
PROPERTIES = ("MainPID", "StatusText")


def restart(steps: Sequence[Step], kit: Kit) -> None:
    """By a successor, unless their unit itself changes: what a process may do, it may for good."""
    anew = [step for step in steps if is_made_anew(step.item, kit)]
    units.rolling(kit, "restart", [step.item.name for step in anew])
    others = [step.item.name for step in steps if step not in anew]
    units.rolling(kit, "restart", others, up=succeed)


def is_made_anew(item: Item, kit: Kit) -> bool:
    assert isinstance(item, Unit)
    files = (key for key in item.restart_on if key.startswith(units.TEMPLATES))
    return not item.companions or not kit.touched.isdisjoint(files)


def succeed(kit: Kit, verb: str, names: Sequence[str]) -> None:
    """*verb* is for those that cannot hand over; `Refused` if a successor does not come."""
    found = able(names)
    done = hand_over(found, kit) if found else set()
    others = [name for name in names if name not in done]
    if others:
        units.run_up(kit, verb, others)


def able(names: Sequence[str]) -> Dict[str, str]:
    """Those of *names* that can hand over, each with its process."""
    shown = systemd.show(names, PROPERTIES)
    return {
        unit: each["MainPID"]
        for unit, each in shown.items()
        if each.get("StatusText", "").endswith(ABLE)
    }


def hand_over(processes: Dict[str, str], kit: Kit) -> Set[str]:
    """
    Those units whose process of *processes* was succeeded; not those that could not even begin.

    `Refused` if a successor came and is not ready: with its last words.
    """
    argv = ["systemctl", "kill", "--kill-who=main", "--signal=HUP", "--", *processes]
    kit.run(argv, systemd.LOOK)
    began, waiting, done = time.monotonic(), dict(processes), set()
    while waiting:
        time.sleep(EVERY)
        passed = time.monotonic() - began
        for unit, shown in systemd.show(list(waiting), PROPERTIES).items():
            process, status = waiting[unit], shown["StatusText"]
            if shown["MainPID"] != process:
                done.add(unit)
            elif BROKEN.search(status) or passed > PATIENCE:
                raise refusal(unit, status, kit)
            elif status.endswith(COMING) or (status.endswith(ABLE) and passed < HEARD):
                continue
            del waiting[unit]
    return done


def refusal(unit: str, status: str, kit: Kit) -> Refused:
    told = BROKEN.search(status)
    said = last_words(told[1], kit) if told else ""
    return Refused(
        f"no successor of `{unit}` came:\n{said or status}", f"see `journalctl -u {unit}`"
    )


def last_words(process: str, kit: Kit) -> str:
    """The end of what *process* wrote; the journal of its unit goes on without it."""
    argv = ["journalctl", f"_PID={process}", "-n", "15", "-o", "cat", "--no-pager", "-q"]
    try:
        return kit.run(argv, systemd.LOOK).strip()
    except Refused:
        return ""
