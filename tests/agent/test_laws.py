"""
Laws of the way back, over changes that nobody would think of.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cinestream_ops.agent import kinds, recover
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.transaction import Transaction
from cinestream_ops.state.items import Absent, Directory, EnvFile, File, Symlink
from cinestream_ops.state.steps import PUT, REMOVE, Step
from tests.conversation.server import tree

NAMES = ("a", "b", "d", "d/a", "d/e", "d/e/a")
ORDER = {"who": "ann", "doing": "anything"}
modes = st.sampled_from([0o600, 0o640, 0o755])
sorts = st.one_of(
    st.builds(
        lambda content, mode: lambda path: File(path, content, mode), st.binary(max_size=9), modes
    ),
    st.builds(lambda mode: lambda path: Directory(path, mode), modes),
    st.builds(lambda target: lambda path: Symlink(path, target), st.sampled_from(NAMES)),
    st.just(Absent),
    st.just(lambda path: EnvFile(path, "root", "root", generated=(("K", "token"),))),
)
wishes = st.lists(
    st.tuples(st.sampled_from([PUT, PUT, REMOVE]), sorts, st.sampled_from(NAMES)), max_size=8
)
beginnings = st.lists(st.tuples(sorts, st.sampled_from(NAMES)), max_size=5)


def steps(land: Path, wanted) -> list[Step]:
    items = [(verb, sort(str(land / name))) for verb, sort, name in wanted]
    facts = kinds.look([item for _, item in items])
    return [Step(verb, item, facts[item.key]) for verb, item in items]


def begun(land: Path, beginning) -> None:
    land.mkdir()
    for sort, name in beginning:
        change(land, [(PUT, sort, name)], lambda: None)


def change(land: Path, wanted, hear_commit) -> bool:
    """Whether the change was made."""
    home = land.parent / "home"
    plan = steps(land, wanted)
    try:
        Transaction(plan, ORDER, Kit(home)).run(hear_commit)
    except (Refused, EOFError):
        return False
    return True


def hang_up() -> None:
    raise EOFError("hung up")


@settings(max_examples=60, deadline=None)
@given(beginnings, wishes)
def test_a_change_that_is_not_committed_leaves_no_trace(beginning, wanted):
    with tempfile.TemporaryDirectory() as folder:
        land = Path(folder, "land")
        begun(land, beginning)
        before = tree(land)

        change(land, wanted, hang_up)

        assert before == tree(land)


@settings(max_examples=40, deadline=None)
@given(beginnings, wishes)
def test_a_change_whose_agent_died_is_undone(beginning, wanted):
    with tempfile.TemporaryDirectory() as folder:
        land = Path(folder, "land")
        begun(land, beginning)
        before = tree(land)
        if not (child := os.fork()):
            try:
                change(land, wanted, lambda: os._exit(0))
            finally:
                os._exit(1)
        os.waitpid(child, 0)

        recover.recover(land.parent / "home")

        assert before == tree(land)


@settings(max_examples=40, deadline=None)
@given(beginnings, wishes)
def test_a_change_that_is_committed_leaves_nothing_behind(beginning, wanted):
    with tempfile.TemporaryDirectory() as folder:
        land = Path(folder, "land")
        begun(land, beginning)

        change(land, wanted, lambda: None)

        names = {Path(name).name for name in tree(land)}
        assert not [name for name in names if "cinestream" in name]
