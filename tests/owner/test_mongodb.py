"""
Databases: an archive that is not what it should be, and a server of somebody else's.
"""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pymongo
import pytest
from pymongo.errors import OperationFailure

from cinestream_ops import lab
from tests.owner.conftest import Standing, gone
from tests.owner.owner import Host, Owner

NAME = "own-mongo"


@pytest.fixture(scope="module")
def booted(stranger: Owner) -> Iterator[Standing]:
    """A bare server that nobody has set up."""
    gone(NAME)
    stranger.types(f"lab up {NAME}")
    with ExitStack() as stack:
        stack.callback(gone, NAME)
        yield Standing(replace(stranger, server=NAME), Host(lab.find(NAME)))


@pytest.fixture(scope="module")
def elsewhere(booted: Standing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The administrator's URI of a MongoDB on another host: the other end of the lab's network."""
    home = tmp_path_factory.mktemp("mongod")
    with tarfile.open(booted.host.lab.mongodb_archive) as archive:
        archive.extractall(home, filter="data")
    address = booted.host.lab.address.rpartition(".")[0] + ".1"
    mongod = subprocess.Popen(
        [next(home.glob("*/bin/mongod")), "--auth", "--dbpath", home, "--port", "27117",
         "--bind_ip", f"127.0.0.1,{address}"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with pymongo.MongoClient("mongodb://127.0.0.1:27117") as client:
            client.admin.command("createUser", "boss", pwd="s3cret-boss", roles=["root"])
        yield f"mongodb://boss:s3cret-boss@{address}:27117/admin"
    finally:
        mongod.terminate()
        mongod.wait(30)


def test_an_archive_with_another_digest_is_not_unpacked(booted: Standing):
    said = booted.owner.tries(f"setup --mongodb-sha256 {'0' * 64} --yes")

    assert 1 == said.code
    assert booted.host.lab.mongodb_sha256 in said.err
    assert booted.host.tries("ls", "/opt/mongodb/versions/*").returncode


def test_a_site_lives_on_a_database_elsewhere(booted: Standing, elsewhere: str):
    uri = booted.owner.home / "uri"
    uri.write_text(elsewhere + "\n")

    said = booted.owner.types(f"setup --mongodb external --mongo-uri-file {uri} --yes")
    booted.owner.types("add-site movie_app --workers 2 --yes")

    assert "s3cret-boss" not in said.err + said.out
    assert all(each["ready"] for each in booted.owner.types("status --json").data[0]["workers"])
    assert booted.host.tries("systemctl", "cat", "mongodb.service").returncode
    assert "Київ" in booted.host.get("movie-app.localhost", "/?lang=ua", "--location")[1]


def test_a_site_elsewhere_reaches_its_own_database_alone(booted: Standing, elsewhere: str):
    env = booted.host.sh("grep ^MONGODB_URI= /var/www/movie_app/.env")
    with pymongo.MongoClient(env.partition("=")[2].strip("'\"")) as client:
        assert client.movie_app.locations.count_documents({})

        with pytest.raises(OperationFailure):
            client.other.things.find_one()


def test_a_purged_site_takes_its_database_and_no_other(booted: Standing, elsewhere: str):
    booted.owner.types("remove-site movie_app --purge --yes")

    with pymongo.MongoClient(elsewhere) as client:
        assert "movie_app" not in client.list_database_names()
        assert not client.movie_app.command("usersInfo")["users"]
