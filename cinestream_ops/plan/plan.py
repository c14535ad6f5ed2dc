"""
What would change, and nothing else: the whole theory of the tool.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cinestream_ops.plan import drift, order, removals, restarts, strangers
from cinestream_ops.state import items as nouns
from cinestream_ops.state import paths
from cinestream_ops.state.facts import Facts
from cinestream_ops.state.items import (
    ACTS,
    Absent,
    Certificate,
    Check,
    EnvFile,
    Heir,
    Hook,
    Item,
    Package,
    Release,
    Remains,
    Sshd,
    Symlink,
    Table,
    Trial,
    Unit,
    Venv,
)
from cinestream_ops.state.steps import CHANGE, CLEANUP, FOLLOW_UP, PREPARE, PUT, Step


@dataclass(frozen=True)
class Plan:
    """
    The *steps* in the order they are taken.

    *forget* are keys that stay on the server without being ours any longer, *adopt* items that
    are as we want them without our doing; *warnings* are sentences about what was found, and
    *strangers* about what is not ours and has to go first; *specs* are those that it was made for,
    by path, as digests.
    """

    steps: tuple[Step, ...] = ()
    forget: tuple[str, ...] = ()
    adopt: tuple[tuple[str, Item], ...] = ()
    warnings: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    specs: Mapping[str, str] = field(default_factory=dict)

    @property
    def touches_specs(self) -> bool:
        """Whether it holds only while no other spec has changed."""
        return any(
            # What nobody wants now, somebody may want by then.
            step.phase == CLEANUP or step.item.name.startswith(f"{paths.SPECS}/")
            for step in self.steps
        )

    def __bool__(self) -> bool:
        return bool(self.steps)

    @property
    def touches_access(self) -> bool:
        """Whether the commit must come over a second, fresh connection."""
        return any(
            isinstance(step.item, Sshd | Table) or step.key == "unit:cinestream-firewall.service"
            for step in self.steps
        )


def plan(
    desired: Mapping[str, tuple[Item, ...]],
    facts: Facts,
    *,
    only: Collection[str] | None = None,
    purge: Collection[str] = (),
    restart: Collection[str] = (),
    also: Collection[Step] = (),
    tries: bool = False,
    arrived: Collection[str] = (),
) -> Plan:
    """
    The steps from *facts* to *desired*.

    Only the sites named in *only* are touched ("" is the server itself; None is everything);
    what *purge* names loses its data too; the workers of *restart* start anew in any case; *also*
    are steps that lead to nothing that is desired by itself.  If it *tries* what is new, a worker
    of a site that was not there is tried before all others.  The homes of the sites that have just
    *arrived* are there, and ours.
    """
    scope = set(only) if only is not None else {"", *desired, *drift.sites(facts)}
    wanted = {site: items for site, items in desired.items() if site in scope}
    puts = [step for site, items in wanted.items() for step in missing(site, items, facts, tries)]
    gone, forget = removals.removals(desired, facts, scope, purge)
    steps = [*puts, *(step for step in gone if not goes_on(step, also)), *also]
    steps = removals.with_occasion([*steps, *restarts.restarts(desired, facts, steps, restart)])
    return Plan(
        steps=order.ordered(steps, desired),
        forget=forget,
        adopt=tuple(adopted(wanted, facts)),
        warnings=drift.warnings(steps, facts),
        strangers=strangers.strangers(steps, facts, arrived),
        specs={path: nouns.digest(text.encode()) for path, text in facts.specs.items()},
    )


def goes_on(step: Step, also: Iterable[Step]) -> bool:
    """Whether what *step* would end is an heir's from now on."""
    heirs = {each.item.of for each in also if isinstance(each.item, Heir)}
    return isinstance(step.item, Remains) and step.item.login in heirs


def missing(
    site: str, items: tuple[Item, ...], facts: Facts, tries: bool = False
) -> Iterator[Step]:
    """A step for each item that is not as it should be, and the checks these make necessary."""
    unmet = [
        item
        for item in items
        if not isinstance(item, ACTS) and not item.met_by(facts.items.get(item.key))
    ]
    if any(isinstance(item, Package) for item in unmet):
        # What must not be there may come with a package.
        unmet += [item for item in items if isinstance(item, Absent) and item not in unmet]
    steps = [Step(PUT, item, facts.items.get(item.key), phase(item), site) for item in unmet]
    yield from steps
    runs = any(at_work(item, facts) for item in items) or (tries and begins(site, steps))
    yield from (Step(PUT, item, site=site) for item in due(items, steps, runs))


def due(items: tuple[Item, ...], steps: list[Step], runs: bool) -> list[Item]:
    """The acts among *items* that *steps* call for, on a site whose workers run, or are to."""
    found = [item for item in items if isinstance(item, ACTS) and is_due(item, steps, runs)]
    # A trial imports all that a check would; but no hook may run for what cannot be imported.
    tried = any(isinstance(item, Trial) for item in found)
    hooked = any(isinstance(item, Hook) and item.first for item in found)
    return [item for item in found if hooked or not (tried and isinstance(item, Check))]


def is_due(item: Item, steps: list[Step], runs: bool) -> bool:
    if isinstance(item, Hook):
        return any(goes_live(step) for step in steps)
    if isinstance(item, Trial):
        return runs and any(runs_otherwise(s) or isinstance(s.item, EnvFile) for s in steps)
    return any(runs_otherwise(step) for step in steps)


def begins(site: str, steps: Iterable[Step]) -> bool:
    """Whether *steps* bring a site that was not there, with workers that run."""
    spec = f"{paths.SPECS}/sites/{site}.toml"
    new = any(step.item.name == spec and step.before is None for step in steps)
    return new and any(isinstance(step.item, Unit) and step.item.companions for step in steps)


def at_work(item: Item, facts: Facts) -> bool:
    """Whether *item* is a worker that runs."""
    return (
        isinstance(item, Unit)
        and bool(item.companions)
        and bool((facts.items.get(item.key) or {}).get("active"))
    )


def goes_live(step: Step) -> bool:
    """Whether another release, or its environment, becomes the site's because of *step*."""
    of_site = isinstance(step.item, Symlink) and step.item.name.startswith(f"{paths.SITES}/")
    return of_site and step.item.name.endswith(("/src", "/venv"))


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
            if not is_owned(item, site, facts) and not isinstance(item, ACTS):
                fact = facts.items.get(item.key)
                if fact is not None and item.met_by(fact):
                    yield site, item


def is_owned(item: Item, site: str, facts: Facts) -> bool:
    """Whether *item* is ours, as the *site*'s and no other's."""
    return item.key in facts.owned and facts.owned[item.key].site == site
