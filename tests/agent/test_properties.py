"""
Laws of the agent on a real disk: the files of houses that nobody would think of.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cinestream_ops import desired
from cinestream_ops.agent import kinds, record, recover
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.transaction import Transaction
from cinestream_ops.engine import planning
from cinestream_ops.plan import Plan, plan
from cinestream_ops.spec.house import House
from cinestream_ops.state import items, paths
from cinestream_ops.state.facts import Facts, Owned
from cinestream_ops.state.items import Check, Directory, EnvFile, File, Item, Symlink
from cinestream_ops.state.steps import PUT, Step
from tests.conversation.server import tree
from tests.plan.houses import MACHINE, SHIPPED, changes, edited, house, tables

PLACED = (File, Directory, Symlink, EnvFile)
# What packages bring.
THERE = (
    "etc/apt/apt.conf.d", "etc/logrotate.d", "etc/nginx/conf.d", "etc/nginx/sites-available",
    "etc/nginx/sites-enabled", "etc/systemd/system", "usr/lib", "var/lib", "var/www",
)  # fmt: skip
# Thousands of writes are waited for.
MEMORY = Path("/dev/shm")
ORDER = {"who": "ann", "doing": "anything"}
KILL = Step(PUT, Check("dies", ("sh", "-c", "kill -9 $PPID")))
houses = st.builds(lambda told: house(told, {}), tables)
seldom = settings(max_examples=settings().max_examples // 10, deadline=None)


@dataclass(frozen=True)
class Ground:
    """A folder that stands for the root of a server, and the agent's home beside it."""

    land: Path
    home: Path

    def plan(self, wanted: House) -> Plan:
        """What is to be done to files, so that the ground is as the house wants it."""
        found = desired.everything(wanted, MACHINE, {}, SHIPPED)
        placed = {
            site: tuple(ours(item) for item in each if isinstance(item, PLACED))
            for site, each in found.items()
        }
        facts = self.facts([item for each in placed.values() for item in each])
        asked = {
            site: tuple(planning.secrets(item, site, facts, planning.NOTHING) for item in each)
            for site, each in placed.items()
        }
        return plan(asked, facts)

    def facts(self, asked: list[Item]) -> Facts:
        owned = {
            self.named(key): Owned(self.words(each["words"]), each["fact"], each["site"])
            for key, each in record.owned(self.home).items()
        }
        known = [items.item(each.words) for each in owned.values()]
        there = {item.key: self.rooted(item) for item in [*asked, *known]}
        looked = kinds.look(there.values())
        found = {key: looked[item.key] for key, item in there.items()}
        return Facts(machine=MACHINE, specs={}, items=found, owned=owned)

    def rooted(self, item: Item) -> Item:
        return replace(item, path=f"{self.land}{item.path}")

    def named(self, key: str) -> str:
        return key.replace(str(self.land), "", 1)

    def words(self, told: dict) -> dict:
        return {**told, "path": self.named(told["path"])}

    def steps(self, made: Plan) -> list[Step]:
        placed = [step for step in made.steps if isinstance(step.item, PLACED)]
        return [replace(step, item=self.rooted(step.item)) for step in placed]

    def take(self, taken: list[Step], made: Plan, hear_commit: Callable[[], None]) -> None:
        adopt = [
            {"site": site, "words": items.words(self.rooted(item))} for site, item in made.adopt
        ]
        forget = [key.replace(":", f":{self.land}", 1) for key in made.forget]
        order = {**ORDER, "adopt": adopt, "forget": forget}
        Transaction(taken, order, Kit(self.home)).run(hear_commit)

    def build(self, wanted: House) -> None:
        made = self.plan(wanted)
        self.take(self.steps(made), made, lambda: None)

    def dies(self, taken: list[Step], made: Plan) -> int:
        """The signal that an agent of its own ended with."""
        if not (child := os.fork()):
            try:
                self.take(taken, made, lambda: None)
            finally:
                os._exit(1)
        return os.WTERMSIG(os.waitpid(child, 0)[1])

    def state(self) -> tuple[object, object]:
        return tree(self.land), record.owned(self.home)


@contextmanager
def ground() -> Iterator[Ground]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        fresh = Ground(Path(folder, "land"), Path(folder, "home"))
        for name in THERE:
            (fresh.land / name).mkdir(parents=True)
        yield fresh


def ours(item: Item) -> Item:
    """*item* as root's, since the users of sites are not known here."""
    return item if isinstance(item, Symlink) else replace(item, owner="root", group="root")


@seldom
@given(houses, houses)
def test_what_was_planned_is_done_and_nothing_is_left_to_plan(before, after):
    with ground() as server:
        server.build(before)
        server.build(after)

        again = server.plan(after)

        assert ((), ()) == (again.steps, again.adopt)
        assert () == again.warnings


@seldom
@given(houses, houses, st.data())
def test_a_change_that_dies_after_any_step_is_as_if_it_had_never_been(before, after, data):
    with ground() as server:
        server.build(before)
        was, made = server.state(), server.plan(after)
        steps = server.steps(made)
        k = data.draw(st.integers(0, len(steps)))

        died = server.dies([*steps[:k], KILL, *steps[k:]], made)
        recover.recover(server.home)

        assert signal.SIGKILL == died
        assert was == server.state()
        assert made == server.plan(after)


@seldom
@given(
    houses, st.lists(st.tuples(st.sampled_from(["blog", "shop"]), st.none() | changes), max_size=4)
)
def test_any_road_to_a_house_leaves_the_files_that_the_direct_one_does(before, commands):
    with ground() as roundabout, ground() as direct:
        roundabout.build(before)
        after = before
        for name, table in commands:
            after = edited(after, name, table)
            roundabout.build(after)
        direct.build(after)

        assert files(direct) == files(roundabout)


def files(server: Ground) -> dict[str, object]:
    """All files but what a site keeps when it goes, and what is drawn by lot."""
    homes = paths.SITES.removeprefix("/")
    return {name: each for name, each in tree(server.land).items() if not name.startswith(homes)}
