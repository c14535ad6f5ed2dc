"""
How the tests are handed out: a file's tests stay together, or those of it for one suite of Debian.

What takes longest begins first, so that no processor is left waiting at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cinestream_ops.lab.recipes import SUITES

HERE = Path(__file__).parent
LONGEST_FIRST = ("owner", "load", "torture", "manual", "attacks", "lab", "demo", "run", "tenant")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    yield
    items.sort(key=turn)  # after pytest has brought together what shares a fixture


def group(item: pytest.Item) -> str:
    """The tests of one group share what they were made with, and run in one process."""
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    suite = next((each for each in parameters if each in SUITES), "")
    return f"{item.path.relative_to(HERE)} {suite}"


def turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(HERE).parts[0]
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)
