"""
One change each, and the state it expects to replace.

A plan is a compare-and-swap: the agent looks again, and takes no step whose `before` is not what
it finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional

from cinestream_ops.state import items
from cinestream_ops.state.items import Fact, Item

PREPARE, CHANGE, CLEANUP, FOLLOW_UP = "prepare", "change", "cleanup", "follow-up"
PUT, REMOVE, RESTART, RELOAD = "put", "remove", "restart", "reload"


@dataclass(frozen=True)
class Step:
    """
    Do *verb* to *item*, which is *before* now.

    A *phase* tells what becomes of it: preparations only add and are never undone, changes are
    kept together or not at all, clean-ups come after the commit, follow-ups depend on the world.
    """

    verb: str
    item: Item
    before: Fact = None
    phase: str = CHANGE
    site: str = ""  # empty: the server's own

    @property
    def key(self) -> str:
        return self.item.key


def words(step: Step) -> Dict[str, Any]:
    """*step* as JSON; the bytes of its item travel beside it."""
    return {
        "verb": step.verb,
        "item": items.words(step.item),
        "before": step.before,
        "phase": step.phase,
        "site": step.site,
    }


def step(told: Mapping[str, Any], found: Optional[Mapping[str, bytes]] = None) -> Step:
    it = items.item(told["item"], found)
    return Step(told["verb"], it, told["before"], told["phase"], told["site"])
