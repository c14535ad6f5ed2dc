"""
Which running units must notice a change: those whose own inputs it touches, and no others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from cinestream_ops.state.facts import Facts
from cinestream_ops.state.items import Item, Unit
from cinestream_ops.state.steps import CHANGE, RELOAD, RESTART, Step


def restarts(
    wanted: Mapping[str, tuple[Item, ...]],
    facts: Facts,
    steps: Iterable[Step],
    restart: Collection[str],
) -> list[Step]:
    """A restart or reload for each unit that runs and stays, and has a changed input."""
    touched = {step.key for step in steps if step.phase == CHANGE}
    return [
        Step(verb, unit, facts.items.get(unit.key), site=site)
        for site, items in wanted.items()
        for unit in running(items, facts)
        if (verb := verb_for(unit, touched, site in restart))
    ]


def running(items: Iterable[Item], facts: Facts) -> Iterator[Unit]:
    for item in items:
        if isinstance(item, Unit):
            fact = facts.items.get(item.key)
            if fact and fact["active"]:
                yield item


def verb_for(unit: Unit, touched: set[str], asked: bool) -> str:
    if (asked and unit.companions) or touched & set(unit.restart_on):
        return RESTART
    return RELOAD if touched & set(unit.reload_on) else ""
