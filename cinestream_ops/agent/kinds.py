"""
Which module looks after which kind of item.

A module is imported when the first of its kind is met: the start of an agent is waited for.
"""

from __future__ import annotations

from importlib import import_module
from itertools import groupby
from typing import Any, Dict, Iterable, Iterator, List, Sequence

from cinestream_ops.agent.kit import Kit
from cinestream_ops.state.items import Fact, Item
from cinestream_ops.state.steps import Step

MODULES = {
    "file": "disk",
    "directory": "disk",
    "symlink": "disk",
    "absent": "disk",
    "tree": "disk",
    "env": "env",
    "unit": "units",
    "daemon": "units",
    "table": "firewall",
    "sshd": "sshd",
    "gate": "nginx",
    "fence": "fences",
    "check": "checks",
    "hook": "hooks",
    "trial": "trials",
    "user": "users",
    "remains": "remains",
    "heir": "heirs",
    "package": "packages",
    "archive": "archives",
    "release": "releases",
    "venv": "venvs",
    "mongo-admin": "mongodb",
    "mongo-user": "mongodb",
    "mongo-indexes": "mongodb",
    "database": "mongodb",
    "site-journal": "journals",
    "certificate": "certificates",
}
# Done, but never there to be looked at: there are no facts of theirs.
UNSEEN = {
    "heir", "remains", "tree", "database", "site-journal", "check", "hook", "trial", "daemon",
    "gate", "fence",
}  # fmt: skip
# Trees are looked at in one way, however they are made.
LOOKS = {**MODULES, "archive": "trees", "release": "trees", "venv": "trees"}
SEEN = MODULES.keys() - UNSEEN
# Nothing of these can be ours.
PASSING = {"absent", *UNSEEN}
# The verb of the way back: what is there becomes what was `before`.
RESTORE = "restore"


def module(item: Item) -> Any:
    return named(MODULES[item.kind])


def named(name: str) -> Any:
    return import_module(f"cinestream_ops.agent.{name}")


def look(found: Iterable[Item]) -> Dict[str, Fact]:
    """The facts of all items *found*, by key; each module is asked once."""
    wanted = list(found)
    facts: Dict[str, Fact] = dict.fromkeys(item.key for item in wanted)
    seen = [item for item in wanted if item.kind not in UNSEEN]
    by_module = sorted(seen, key=lambda item: LOOKS[item.kind])
    for name, group in groupby(by_module, key=lambda item: LOOKS[item.kind]):
        facts.update(named(name).look(list(group)))
    return facts


def runs(steps: Iterable[Step]) -> Iterator[List[Step]]:
    """Neighbours with the same verb and kind, to be done together if their module can."""
    for _, group in groupby(steps, key=lambda step: (step.verb, step.item.kind)):
        same = list(group)
        yield from [same] if hasattr(module(same[0].item), "do_all") else [[step] for step in same]


def do(run: Sequence[Step], kit: Kit) -> None:
    works = module(run[0].item)
    if hasattr(works, "do_all"):
        works.do_all(run, kit)
    else:
        for step in run:
            works.do(step, kit)


def back(run: Sequence[Step]) -> List[Step]:
    """The steps that undo a *run* of equal ones, from the state now; none for what only adds."""
    works = module(run[0].item)
    if hasattr(works, "back_all"):
        return list(works.back_all(run))
    return [undo for step in run for undo in works.back(step)] if hasattr(works, "back") else []


def keeps(item: Item) -> bool:
    """Whether its module keeps what it replaces, until it is swept."""
    return hasattr(module(item), "sweep")


def sweep(step: Step) -> None:
    if keeps(step.item):
        module(step.item).sweep(step)
