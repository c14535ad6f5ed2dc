"""
A tree is what root has made whole; one that is not wanted any more goes with what a crash left.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cinestream_ops.agent import kinds, trees
from cinestream_ops.agent.kit import Kit
from cinestream_ops.state.items import Release, Venv
from cinestream_ops.state.steps import REMOVE, Step


@pytest.mark.parametrize("kind", [Release, Venv])
@pytest.mark.parametrize("left", [("one",), (".one.partial",), ("one", ".one.old"), ()])
def test_what_a_crash_left_beside_it_goes_too(
    tmp_path: Path, kind: type[Release | Venv], left: tuple[str, ...]
):
    for name in (*left, "two"):
        (tmp_path / name / "bin").mkdir(parents=True)

    step = Step(REMOVE, kind(str(tmp_path / "one"), "0"))
    kinds.do([step], Kit(tmp_path))

    assert {"two"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("given", [".", trees.MARKER])
def test_a_tree_that_somebody_else_has_made_is_none(tmp_path: Path, given: str):
    venv = Venv(str(tmp_path / "one"), "0")
    (tmp_path / "one").mkdir()
    trees.set_mark(tmp_path / "one", venv.mark)
    assert venv.met_by(trees.mark(venv.path))

    os.chown(tmp_path / "one" / given, 60123, 60123)

    assert trees.mark(venv.path) is None


def test_a_link_to_a_marker_is_none(tmp_path: Path):
    (tmp_path / "one").mkdir()
    (tmp_path / "mark").write_text(json.dumps({"blob": "0"}))
    (tmp_path / "one" / trees.MARKER).symlink_to("../mark")

    assert trees.mark(str(tmp_path / "one")) is None
