"""
Which running units must notice a change: those whose own inputs it touches, and no others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from cinestream_ops.state.facts import Facts
from cinestream_ops.state.items import Item, Unit
from cinestream_ops.state.steps import CHANGE, RELOAD, RESTART, Step


def restarts(
    desired: Mapping[str, tuple[Item, ...]],
    facts: Facts,
    steps: Iterable[Step],
    restart: Collection[str],
) -> list[Step]:
    """
    A restart or reload for each unit that runs and stays, and has a changed input.

    Also for units out of the plan's scope: the firewall is the server's, its rules are a site's.
    Such a step is the site's, and is taken when the site's files are there.
    """
    touched = {step.key: step.site for step in steps if step.phase == CHANGE}
    return [
        Step(verb, unit, facts.items.get(unit.key), site=last(unit, touched, site, desired))
        for site, items in desired.items()
        for unit in running(items, facts)
        if (verb := verb_for(unit, touched.keys(), site in restart))
    ]


def last(unit: Unit, touched: Mapping[str, str], site: str, staying: Collection[str]) -> str:
    """
    The site whose files *unit* must wait for.

    Those of the server come before any other, and those of a site that leaves go after all others.
    """
    inputs = (*unit.restart_on, *unit.reload_on)
    folders = tuple(each for each in inputs if each.endswith("/"))
    below = [key for key in touched if key.startswith(folders)] if folders else []
    sites = {touched[key] for key in (*inputs, *below) if key in touched}
    return max(sites, key=lambda each: (each != "" and each not in staying, each), default=site)


def running(items: Iterable[Item], facts: Facts) -> Iterator[Unit]:
    for item in items:
        if isinstance(item, Unit):
            fact = facts.items.get(item.key)
            if fact and fact["active"]:
                yield item


def verb_for(unit: Unit, touched: AbstractSet[str], asked: bool) -> str:
    if (asked and unit.companions) or hit(touched, unit.restart_on):
        return RESTART
    return RELOAD if hit(touched, unit.reload_on) else ""


def hit(touched: AbstractSet[str], inputs: Collection[str]) -> bool:
    """Whether any of *inputs* is in *touched*; one that ends in `/` is all that is below it."""
    folders = tuple(each for each in inputs if each.endswith("/"))
    exact = any(each in touched for each in inputs)
    return exact or (bool(folders) and any(key.startswith(folders) for key in touched))
