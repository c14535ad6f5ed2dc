"""
What the claims about the tenant are made with.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pymongo
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "site_template" / "src"))

from tenant_processes import House, Mongod

# In memory: hundreds of tests make and drop a database, and none asks what a disk would keep.
MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def mongod(tmp_path_factory) -> Iterator[Mongod]:
    memory = MEMORY if MEMORY.is_dir() else tmp_path_factory.mktemp("mongod")
    with tempfile.TemporaryDirectory(prefix="cinestream-mongod-", dir=memory) as folder:
        server = Mongod(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def mortal_mongod(tmp_path) -> Iterator[Mongod]:
    """One for the tests that stop it."""
    directory = tmp_path / "mongod"
    directory.mkdir()
    server = Mongod(directory)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def settings(mongod, request):
    from showtimes.settings import Settings

    name = f"t{abs(hash(request.node.nodeid))}"
    yield Settings(mongod.uri, name, "not a secret")
    with pymongo.MongoClient(mongod.uri) as client:
        client.drop_database(name)


@pytest.fixture
def store(settings):
    from showtimes.database import Store

    store = Store(settings.mongodb_uri, settings.mongodb_database)
    yield store
    store.close()


@pytest.fixture
def app(settings):
    from showtimes import create_app
    from showtimes.database import store_of

    app = create_app(settings)
    yield app
    store_of(app).close()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def house(tmp_path) -> Iterator[House]:
    source = tmp_path / "source"
    source.mkdir()
    with ExitStack() as stack:
        house = House(tmp_path, source, stack)
        stack.callback(house.door.close)
        yield house
