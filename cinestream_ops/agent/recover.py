"""
What is done about a change that its agent did not live to finish.

Nothing of it may cut another change short: it holds the lock, or does nothing.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Dict, Set

from cinestream_ops.agent import clearance, env, journal, lock, record, wayback
from cinestream_ops.agent.journal import Journal
from cinestream_ops.agent.kit import Kit, nobody
from cinestream_ops.agent.refused import Locked, Refused
from cinestream_ops.agent.unfinished import Recovered
from cinestream_ops.state import items


def recover(home: Path, *, booting: bool = False) -> Recovered:
    """Walk back what is unfinished, sweep what was committed; None if there was nothing to undo."""
    if not Journal(home).unfinished:
        return None
    holder = {"who": "root", "doing": "recover", "since": time.time(), "pid": os.getpid()}
    try:
        with lock.held(home, holder, 0, nobody):
            return undo(home, Kit(home, booting=booting))
    except Locked:
        return None


def undo(home: Path, kit: Kit) -> Recovered:
    unfinished = Journal(home)
    wayback.sweep(journal.read(unfinished.committed)[1])
    whole = clean_up(unfinished, kit)
    header, steps = journal.read(unfinished.folder)
    if not header:
        # A database, say, is not there yet while the server boots.
        if whole or not kit.booting:
            unfinished.close()
        return None
    with kit.stops.shut():
        failed = wayback.walk(steps, kit)
    if failed:
        unfinished.keep(header, [step for step in steps if step.key in failed])
    else:
        unfinished.close()
    told = {**header, "undone": sorted({step.key for step in steps} - failed.keys())}
    return remembered(home, {**told, "failed": failed})


def clean_up(unfinished: Journal, kit: Kit) -> bool:
    """Remove what a change that stands came to an end before; whether all of it is gone."""
    steps = journal.cleanup(unfinished.committed)
    failed: Set[str] = set()
    with kit.stops.shut():
        for step in steps:
            why = clearance.attempt(step, kit)
            clearance.note(kit.home, [step], why)
            failed |= {step.key} if why else set()
    gone = [step.key for step in steps if step.key not in failed]
    if gone:
        record.own(unfinished.home, {}, gone)
    return not failed


def clear_up(home: Path, holder: Dict[str, Any], wait: float, kit: Kit) -> None:
    """Try again to remove what earlier changes could not."""

    def waiting(whom: str) -> None:
        kit.tell("waiting", **{"for": whom})

    whole = {**holder, "since": time.time(), "pid": os.getpid()}
    with lock.held(home, whole, wait, waiting), kit.stops.shut():
        refuse_unfinished(home)
        clearance.retry(kit)


def remembered(home: Path, told: Dict[str, Any]) -> Dict[str, Any]:
    ours = [items.item(each["words"]) for each in record.owned(home).values()]
    why = "; ".join(f"`{key}` could not be undone: {why}" for key, why in told["failed"].items())
    entry = {name: told[name] for name in ("who", "doing", "steps")}
    seconds = round(time.time() - told["since"], 1)
    why = env.scrubbed(why, ours)
    outcome = {"when": told["since"], "outcome": "recovered", "seconds": seconds, "why": why}
    record.remember(home, {**entry, **outcome})
    return told


def refuse_unfinished(home: Path) -> None:
    """`Refused` while an earlier change is neither kept nor undone."""
    found = Journal(home)
    if found.unfinished:
        _, steps = journal.read(found.folder)
        keys = ", ".join(f"`{step.key}`" for step in steps)
        raise Refused(
            f"an earlier change broke off, and could not be undone: {keys}",
            f"mend what is in the way and try again; or, to leave it as it is, remove "
            f"`{found.folder}`",
        )
