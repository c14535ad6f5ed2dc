"""
What would change, and nothing else: the whole theory of the tool.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from cinestream_ops.plan import drift, order, removals, restarts
from cinestream_ops.state.facts import Facts
from cinestream_ops.state.items import (
    Absent,
    Certificate,
    Check,
    Item,
    Package,
    Release,
    Symlink,
    Venv,
)
from cinestream_ops.state.steps import CHANGE, FOLLOW_UP, PREPARE, PUT, Step


@dataclass(frozen=True)
class Plan:
    """
    The *steps* in the order they are taken.

    *forget* are keys that stay on the server without being ours any longer, *adopt* items that
    are as we want them without our doing; *warnings* are sentences about what was found.
    """

    steps: tuple[Step, ...] = ()
    forget: tuple[str, ...] = ()
    adopt: tuple[tuple[str, Item], ...] = ()
    warnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    @property
    def touches_firewall(self) -> bool:
        """Whether the commit must come over a second, fresh connection."""
        return any(step.key == "unit:cinestream-firewall.service" for step in self.steps)


def plan(
    desired: Mapping[str, tuple[Item, ...]],
    facts: Facts,
    *,
    only: Collection[str] | None = None,
    purge: Collection[str] = (),
    restart: Collection[str] = (),
) -> Plan:
    """
    The steps from *facts* to *desired*.

    Only the sites named in *only* are touched ("" is the server itself; None is everything);
    what *purge* names loses its data too; the workers of *restart* start anew in any case.
    """
    scope = set(only) if only is not None else {"", *desired, *drift.sites(facts)}
    wanted = {site: items for site, items in desired.items() if site in scope}
    puts = [step for site, items in wanted.items() for step in missing(site, items, facts)]
    gone, forget = removals.removals(desired, facts, scope, purge)
    steps = [*puts, *gone]
    steps += restarts.restarts(desired, facts, steps, restart)
    return Plan(
        steps=order.ordered(steps, order.probes(desired)),
        forget=forget,
        adopt=tuple(adopted(wanted, facts)),
        warnings=drift.warnings(steps, facts),
    )


def missing(site: str, items: tuple[Item, ...], facts: Facts) -> Iterator[Step]:
    """A step for each item that is not as it should be, and the checks these make necessary."""
    unmet = [
        item
        for item in items
        if not isinstance(item, Check) and not item.met_by(facts.items.get(item.key))
    ]
    if any(isinstance(item, Package) for item in unmet):
        # What must not be there may come with a package.
        unmet += [item for item in items if isinstance(item, Absent) and item not in unmet]
    steps = [Step(PUT, item, facts.items.get(item.key), phase(item), site) for item in unmet]
    yield from order.with_parents_first(steps)
    if any(runs_otherwise(step) for step in steps):
        yield from (Step(PUT, item, site=site) for item in items if isinstance(item, Check))


def runs_otherwise(step: Step) -> bool:
    """Whether workers will run other code because of *step*, or the same in another way."""
    code = isinstance(step.item, Release | Venv | Symlink)
    return code or step.item.name.endswith("@.service")


def phase(item: Item) -> str:
    if isinstance(item, Certificate):
        return FOLLOW_UP
    return PREPARE if item.additive else CHANGE


def adopted(wanted: Mapping[str, tuple[Item, ...]], facts: Facts) -> Iterator[tuple[str, Item]]:
    for site, items in wanted.items():
        for item in items:
            if item.key not in facts.owned and not isinstance(item, Check):
                fact = facts.items.get(item.key)
                if fact is not None and item.met_by(fact):
                    yield site, item
