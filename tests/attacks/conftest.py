"""
A server with two sites: `mallory`, whose worker runs what it is told to, and `alice`, who is to
notice nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.tenant import Tenant
from tests.owner.conftest import RUN, Standing, set_up, stranger

__all__ = ["stranger"]

SITES = Path(__file__).parent / "sites"
BESIDE = Path(__file__).parents[1] / "owner/sites/bottle_site"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and "stranger" in item.fixturenames:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="session")
def attacked(stranger) -> Iterator[Standing]:
    """The server; each process of tests has one, shared by all that leave it as it was."""
    add = "add-site {} --source {} --wsgi {}:application --workers 2 --yes"
    sites = (add.format("alice", BESIDE, "shop"), add.format("mallory", SITES / "shell", "shell"))
    yield from set_up(stranger, f"att-{RUN}", "bookworm", *sites)


@pytest.fixture
def mallory(attacked: Standing) -> Tenant:
    """The tenant with a shell."""
    return Tenant(attacked.host, "mallory")
