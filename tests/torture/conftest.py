from __future__ import annotations

import json
import pickle
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cinestream_ops import lab
from tests.owner.conftest import CACHE, RUN, Standing, gone, set_up
from tests.owner.owner import Host, Owner
from tests.torture.change import BOTTLE
from tests.torture.figures import Figures
from tests.torture.trial import BYSTANDER

FIGURES = pytest.StashKey[Figures]()
HANDED_IN = "figures"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.lab)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = Figures()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes that share the tests has the figures of its own to hand in."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[HANDED_IN] = pickle.dumps(session.config.stash[FIGURES])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if found := getattr(node, "workeroutput", {}).get(HANDED_IN):
        node.config.stash[FIGURES].add(pickle.loads(found))


def pytest_terminal_summary(config: pytest.Config) -> None:
    config.stash[FIGURES].show()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """What this run has found so far; shown at its end."""
    return request.config.stash[FIGURES]


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Owner:
    """An owner who knows no server yet."""
    return Owner(tmp_path_factory.mktemp("owner"), extra={"CINESTREAM_CACHE": CACHE})


@pytest.fixture(scope="module")
def street(stranger: Owner) -> Iterator[Standing]:
    """A server with a site, the bystander, that nobody changes and that visitors reach by TLS."""
    for standing in set_up(stranger, f"own-torture-{RUN}", "bookworm"):
        its = standing.host.lab
        request = json.dumps({"ip": its.address}).encode()
        urllib.request.urlopen(f"{its.dns_management}/set-default-ipv4", request, 10).close()
        standing.owner.types(f"add-site shop {BOTTLE} --domain {BYSTANDER} --workers 2 --yes")
        yield standing


@pytest.fixture
def meadow(stranger: Owner) -> Iterator[Standing]:
    """A server with nothing on it."""
    name = f"own-meadow-{RUN}"
    gone(name)
    stranger.types(f"lab up {name}")
    try:
        yield Standing(Owner(stranger.home, name, stranger.extra), Host(lab.find(name)))
    finally:
        gone(name)
