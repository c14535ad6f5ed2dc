from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cinestream_ops import lab
from cinestream_ops.lab.faults import NoSuchLab
from tests.owner import prepared
from tests.owner.owner import Host, Owner

SITES = Path(__file__).parent / "sites"
# Runs of the tests may go on side by side, and so may the processes of one.
RUN = os.environ.get("PYTEST_XDIST_WORKER") or os.getpid()
CACHE = os.environ.get("CINESTREAM_CACHE") or str(Path.home() / ".cache/cinestream")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.lab)


@dataclass(frozen=True)
class Standing:
    """A host with the bundled tenant on it, its owner, and the shell of its root."""

    owner: Owner
    host: Host


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Owner:
    """An owner who knows no server yet."""
    return Owner(tmp_path_factory.mktemp("owner"), extra={"CINESTREAM_CACHE": CACHE})


def set_up(stranger: Owner, name: str, suite: str, *lines: str) -> Iterator[Standing]:
    """A server that was set up, and on which *lines* were typed then."""
    gone(name)
    try:
        host = Host(prepared.server(stranger, name, suite, "setup --yes", *lines))
        yield Standing(replace(stranger, server=name), host)
    finally:
        gone(name)


def gone(name: str) -> None:
    with suppress(NoSuchLab):
        lab.down(name)


@pytest.fixture(scope="session", params=["bookworm", "trixie"])
def bare(request: pytest.FixtureRequest, stranger: Owner, worker_id: str) -> Iterator[Standing]:
    """A server of each suite, set up and without sites."""
    yield from set_up(stranger, f"own-{request.param}-{RUN}", request.param)


@pytest.fixture(scope="session")
def movies(bare: Standing) -> Standing:
    """The host with the bundled tenant, on 24 workers."""
    bare.owner.types("add-site movie_app --workers 24 --yes")
    return bare


@pytest.fixture(scope="session")
def rough(stranger: Owner) -> Iterator[Standing]:
    """A server for what goes wrong, with one small site; each process of tests has its own."""
    source = SITES / "bottle_site"
    shop = f"add-site shop --source {source} --wsgi shop:application --workers 3 --yes"
    yield from set_up(stranger, f"own-rough-{RUN}", "bookworm", shop)
