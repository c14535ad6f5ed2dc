"""
For all tests: what takes longest begins first, so that no processor is left waiting at the end; and
no example has to be quick, since nobody knows what else the machine does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

HERE = Path(__file__).parent
LONGEST_FIRST = ("owner", "load", "torture", "manual", "attacks", "lab", "demo", "run", "tenant")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    yield
    items.sort(key=turn)  # after pytest has brought together what shares a fixture


def turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(HERE).parts[0]
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)
