"""
Houses that nobody would think of, and a server made of facts alone on which they are built.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from cinestream_ops import desired
from cinestream_ops.agent.kinds import PASSING
from cinestream_ops.agent.transaction import made
from cinestream_ops.desired import Shipped
from cinestream_ops.engine import planning
from cinestream_ops.plan import Plan, plan
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.state import items, paths, steps
from cinestream_ops.state.facts import Facts, Machine, Owned
from cinestream_ops.state.items import Absent, Certificate, EnvFile, Fact, Item, Unit
from cinestream_ops.state.steps import PUT, REMOVE

SHIPPED = Shipped(agent=b"agent", runner=b"runner", tools=b"tools")
MACHINE = Machine(nginx="1.22.1", memory=8 << 30)
# One name is the beginning of another, since what is told apart by its beginning may be confused.
NAMES = ("blog", "shop", "shop-b", "shop2")
BLOCKS = {name: 8001 + 100 * place for place, name in enumerate(NAMES)}
DIGESTS = tuple(each * 64 for each in "abcd")

digests = st.sampled_from(DIGESTS)
texts = st.sampled_from(["hello", "it's $5", ""])
code = st.fixed_dictionaries({"release": digests, "requirements": digests})
ours = st.just({"source": "bundled", "wsgi": None})
own = st.just({"source": "/srv/shop", "wsgi": "shop:app"})
past = st.lists(
    st.fixed_dictionaries({
        "release": digests, "requirements": digests, "source": st.just("/srv/shop"), "wsgi": st.just("shop:app"),
    }),
    max_size=3,
)  # fmt: skip
fields: dict[str, st.SearchStrategy[Any]] = {
    "workers": st.integers(1, 6),
    "balance": st.sampled_from(["ip-hash", "cookie", "least-conn"]),
    "domains": st.lists(
        st.tuples(st.sampled_from(["one", "two"]), st.booleans()), max_size=2, unique_by=lambda pair: pair[0]
    ),
    "env": st.dictionaries(st.sampled_from(["GREETING", "MODE", "LEVEL"]), texts, max_size=3),
    "refresh": st.none() | st.just({"program": "job.py", "calendar": "daily"}),
    "static": st.none() | st.just("public"),
    "stopped": st.booleans(),
    "maintenance": st.none() | st.fixed_dictionaries({"message": st.sampled_from(["", "Back soon"])}),
    "past": past,
    "hooks": st.none() | st.just({"pre": "manage.py migrate", "post": "warm.py"}),
    "memory": st.integers(16, 18),
    "database": st.booleans(),
    "limits": st.none() | st.just([{"path": "/api", "rate": "6r/m"}]),
    "caches": st.none() | st.just([{"path": "/", "unless_cookie": "session"}]),
}  # fmt: skip
# Some keys of a site, as a command changes them; None takes a key back to its default.
changes = st.tuples(
    st.fixed_dictionaries({}, optional=fields), st.just({}) | code, st.just({}) | ours | own
).map(lambda parts: {**parts[0], **parts[1], **parts[2]})
tables = st.dictionaries(st.sampled_from(NAMES), changes, max_size=4)
servers = st.sampled_from([{}, {"mongodb": {"mode": "archive", "sha256": "e" * 64}}])
houses = st.builds(lambda server, told: house(told, server), servers, tables)
# What an owner types, one after the other: a site is added or edited, or removed.
commands = st.lists(st.tuples(st.sampled_from(NAMES), st.none() | changes), max_size=6)


def house(told: Mapping[str, Mapping[str, Any]], server: Mapping[str, Any]) -> House:
    built = House(toml.server(server))
    for name, table in sorted(told.items()):
        built = edited(built, name, table)
    return built


def edited(before: House, name: str, table: Mapping[str, Any] | None) -> House:
    """The house after one command; None removes the site."""
    if table is None:
        return before.without_site(name)
    keys = dict(table)
    if "domains" in keys:
        keys["domains"] = [
            {"name": f"{first}.{name}.example", "www": www} for first, www in keys["domains"]
        ]
    site = before.sites.get(name) or toml.site(name, {"port": BLOCKS[name], "workers": 2})
    return before.with_site(toml.edited(site, keys))


@dataclass(frozen=True)
class World:
    """The facts of a server, and what its `.env` files hold; *lucky* with certificates, or not."""

    facts: Facts = field(default_factory=lambda: Facts(machine=MACHINE, specs={}, items={}))
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lucky: bool = True

    def plan(self, wanted: House, only: Iterable[str] | None = None) -> Plan:
        return plan(self.desired(wanted), self.facts, only=None if only is None else set(only))

    def desired(self, wanted: House) -> dict[str, tuple[Item, ...]]:
        found = desired.everything(wanted, MACHINE, self.facts.certificates, SHIPPED)
        return {
            site: tuple(planning.secrets(item, site, self.facts, planning.NOTHING) for item in each)
            for site, each in found.items()
        }

    def built(self, wanted: House, only: Iterable[str] | None = None) -> World:
        """The server after what `apply` does."""
        return self.played(self.plan(wanted, only))

    def played(self, made: Plan) -> World:
        play = Play(self)
        for step in made.steps:
            play.take(step)
        return play.over(made)


class Play:
    """The steps of one plan, taken on a world as the agent would."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.found, self.owned = dict(world.facts.items), dict(world.facts.owned)
        self.variables = dict(world.variables)
        self.certificates = dict(world.facts.certificates)

    def take(self, step: steps.Step) -> None:
        item = step.item
        if isinstance(item, Absent):
            self.found[step.key] = None
        if item.kind in PASSING or (isinstance(item, Certificate) and not self.world.lucky):
            return
        assert step.before == self.found.get(step.key), f"{step.key} is not what it was planned for"
        if step.verb == PUT:
            for each in made(item):
                self.put(each, step.site)
        if step.verb == REMOVE:
            self.remove(item)

    def put(self, item: Item, site: str) -> None:
        if isinstance(item, EnvFile):
            self.merge(item)
        if isinstance(item, Certificate):
            self.certificates[item.lineage] = {"names": list(item.names)}
        self.found[item.key] = self.fact(item)
        self.owned[item.key] = Owned(items.words(item), self.found[item.key], site)

    def merge(self, item: EnvFile) -> None:
        there = self.variables.get(item.path, {})
        kept = {name: text for name, text in there.items() if name not in item.dropped}
        generated = {name: "made" for name, _ in item.generated}
        self.variables[item.path] = {**generated, **kept, **dict(item.plain)}

    def remove(self, item: Item) -> None:
        idle = {"enabled": False, "active": False} if isinstance(item, Unit) else None
        self.found[item.key] = idle
        self.owned.pop(item.key, None)
        if isinstance(item, Certificate):
            self.certificates.pop(item.lineage, None)

    def fact(self, item: Item) -> Fact:
        if not isinstance(item, EnvFile):
            return item.mark
        values, shown = self.variables.get(item.path, {}), dict(item.plain)
        return {
            "mode": item.mode, "owner": item.owner, "group": item.group,
            "plain": {name: text for name, text in values.items() if name in shown},
            "hidden": sorted(values.keys() - shown.keys()),
        }  # fmt: skip

    def over(self, made: Plan) -> World:
        for site, item in made.adopt:
            self.owned[item.key] = Owned(items.words(item), self.found[item.key], site)
        owned = {key: each for key, each in self.owned.items() if key not in made.forget}
        return replace(
            self.world,
            variables=self.variables,
            facts=replace(
                self.world.facts, items=self.found, owned=owned, certificates=self.certificates
            ),
        )


def digest(before: House, after: House) -> str:
    """Of all that is planned and rendered on the way from one house to another."""
    world = World().built(before)
    made = world.plan(after)
    told = [steps.words(step) for step in made.steps], made.forget, made.warnings
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def written(built: House) -> dict[str, str]:
    """The specs of a house, as they lie on a server."""
    assert built.server
    sites = {f"sites/{name}.toml": toml.dump_site(each) for name, each in built.sites.items()}
    return {"server.toml": toml.dump_server(built.server), **sites}


def answer() -> None:
    """Digest what comes in, line by line: for a process of its own."""
    for line in sys.stdin:
        print(digest(*map(toml.load, json.loads(line))), flush=True)  # noqa: T201


def stays(key: str) -> bool:
    """Whether what *key* names outlives the site that had it: what only adds, and data."""
    kind, _, name = key.partition(":")
    return items.KINDS[kind].additive or kind.startswith("mongo-") or name.startswith(paths.SITES)
