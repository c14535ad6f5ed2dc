"""
Removals for good: taken, remembered while they could not be, and tried again on the owner's word.

What a site has made its own since is left alone.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Iterable, Sequence

from cinestream_ops.agent import disk, env, kinds, record, wayback
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.leftovers import RECORD, Leftover, read
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import items, steps
from cinestream_ops.state.items import Database, File, Item, MongoUser, Remains, Tree, User
from cinestream_ops.state.steps import REMOVE, Step


def write(home: Path, found: Sequence[Leftover]) -> None:
    text = json.dumps(list(found), indent=1, sort_keys=True)
    ours = [str(os.geteuid()), str(os.getegid())]
    disk.put(File(str(home / RECORD), text.encode(), 0o600, *ours))


def note(home: Path, run: Iterable[Step], why: str) -> bool:
    """
    Remember or forget a *run* of removals, by *why* it could not be taken; whether any is left.

    What is still ours is not for us to remember: the next plan removes it.
    """
    owned = record.owned(home)
    gone = {step.key: step for step in run if step.verb == REMOVE and step.key not in owned}
    found = {steps.step(each["step"]).key: each for each in read(home)}
    before = dict(found)
    for key, step in gone.items():
        since = found.pop(key, {}).get("since", time.time())
        if why:
            found[key] = {"step": steps.words(step), "why": why, "since": since}
    if found != before:
        write(home, list(found.values()))
    return bool(why and gone)


def refuse_early(home: Path, run: Iterable[Step]) -> None:
    """An account stays while something of its number is left: nobody else may be given that."""
    left = {each["step"]["site"] for each in read(home) if each["step"]["item"]["kind"] != "user"}
    for step in run:
        if isinstance(step.item, User) and step.verb == REMOVE and step.site in left:
            raise Refused("it stays until all else of the site is gone")


def attempt(step: Step, kit: Kit) -> str:
    """Why *step* could not be taken; empty if it was."""
    try:
        refuse_early(kit.home, [step])
        kinds.do([step], kit)
    except Exception as error:  # noqa: BLE001 -- whatever it was, the others must be tried
        owned = record.owned(kit.home).values()
        ours = [items.item(each["words"]) for each in owned]
        return env.scrubbed(str(error) or repr(error), ours)
    wayback.sweep([step])
    return ""


def retry(kit: Kit) -> None:
    """Whatever can be removed by now is; who calls this has the lock."""
    for each in read(kit.home):
        step = steps.step(each["step"])
        note(kit.home, [step], "" if reclaimed(step.item, kit.home) else attempt(step, kit))


def reclaimed(item: Item, home: Path) -> bool:
    """Whether a site has it for its own by now."""
    ours = [items.item(each["words"]) for each in record.owned(home).values()]
    return any(same(item, other) for other in ours)


def same(item: Item, other: Item) -> bool:
    if isinstance(item, Database):
        return isinstance(other, MongoUser) and other.database == item.database
    if isinstance(item, Tree):
        return other.name.startswith(f"{item.path}/") or other.name == item.path
    if isinstance(item, Remains):
        return isinstance(other, User) and other.login == item.login
    return other.key == item.key
