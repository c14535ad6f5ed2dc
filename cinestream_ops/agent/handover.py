"""
Workers that give their port to a successor: it answers before they leave, so that nobody waits.

One that can do so says it in its status.  It is asked by SIGHUP, and serves on if none comes.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import Dict, Sequence, Set

from cinestream_ops.agent import systemd, units
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Item, Unit
from cinestream_ops.state.steps import Step

ABLE, COMING = "Serving; SIGHUP asks for a successor", "Serving; a successor starts"
BROKEN = re.compile(r"none came: process (\d+)")
PATIENCE = 100  # seconds; a worker itself gives up after 90
HEARD = 10  # seconds in which it hears
EVERY = 0.05  # seconds
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
    found, done = able(names), set()
    for few in systemd.turns(found):
        done |= hand_over({name: found[name] for name in few}, kit)
    others = [name for name in names if name not in done]
    if others:
        units.run_up(kit, verb, others)


def able(names: Sequence[str]) -> Dict[str, systemd.Shown]:
    """Those of *names* that can hand over, as they are shown."""
    shown = systemd.show(names, PROPERTIES)
    return {
        unit: each
        for unit, each in shown.items()
        if each["MainPID"] != "0" and each.get("StatusText", "").startswith(ABLE)
    }


def hand_over(before: Dict[str, systemd.Shown], kit: Kit) -> Set[str]:
    """
    Those units that have another process than *before*; not those that could not even begin.

    `Refused` if a successor came and is not ready: with its last words, once none is on its way.
    """
    with suppress(Refused):  # one that has just ended cannot be asked, and is seen below
        argv = ["systemctl", "kill", "--kill-who=main", "--signal=HUP", "--", *before]
        kit.run(argv, systemd.LOOK)
    began, waiting, done, broken = time.monotonic(), dict(before), set(), {}
    while waiting:
        time.sleep(EVERY)
        passed = time.monotonic() - began
        for unit, now in systemd.show(list(waiting), PROPERTIES).items():
            if is_on_its_way(waiting[unit], now, passed):
                continue
            was = waiting.pop(unit)
            if now["MainPID"] not in {was["MainPID"], "0"}:
                done.add(unit)
            elif now != was and BROKEN.search(now["StatusText"]):
                broken[unit] = now["StatusText"]
    for unit, status in broken.items():
        raise refusal(unit, status, kit)
    return done


def is_on_its_way(was: systemd.Shown, now: systemd.Shown, passed: float) -> bool:
    """Whether who was asked *passed* seconds ago may still have a successor."""
    if now == was:
        return passed < HEARD
    same = now["MainPID"] == was["MainPID"]
    return same and now["StatusText"] == COMING and passed < PATIENCE


def refusal(unit: str, status: str, kit: Kit) -> Refused:
    process = BROKEN.findall(status)[0]
    said = last_words(process, kit) or status
    return Refused(f"no successor of `{unit}` came:\n{said}", systemd.where_to_read(unit))


def last_words(process: str, kit: Kit) -> str:
    """The end of what *process* wrote; the journal of its unit goes on without it."""
    argv = [
        "journalctl",
        "--namespace=*",
        f"_PID={process}",
        "-n",
        "15",
        "-o",
        "cat",
        "--no-pager",
        "-q",
    ]
    try:
        return kit.run(argv, systemd.LOOK).strip()
    except Refused:
        return ""
