"""
A tree that is not wanted any more goes with whatever a crash left of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cinestream_ops.agent import kinds
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
