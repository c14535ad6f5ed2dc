"""
The program that copies a database out of a real MongoDB and into it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import bson
import pymongo
import pytest

from cinestream_ops.agent.backup_program import PROGRAM
from cinestream_ops.lab import mongodb
from cinestream_ops.state import frames

pytestmark = pytest.mark.lab

PORT = 27119
URI = f"mongodb://127.0.0.1:{PORT}"


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, from the archive that labs are set up with."""
    home = tmp_path_factory.mktemp("mongod")
    with tarfile.open(mongodb.archive(lambda *_: None).path) as archive:
        archive.extractall(home, filter="data")
    return next(home.glob("*/bin/mongod"))


@pytest.fixture(params=["alone", "replica set"], scope="module")
def client(request, mongod: Path, tmp_path_factory) -> Iterator[pymongo.MongoClient[Any]]:
    more = ["--replSet", "rs"] if request.param == "replica set" else []
    path = tmp_path_factory.mktemp("data")
    process = subprocess.Popen(
        [mongod, "--dbpath", path, "--port", str(PORT), "--bind_ip", "127.0.0.1", *more],
        stdout=subprocess.DEVNULL,
    )
    try:
        if more:
            initiate()
        with pymongo.MongoClient(URI) as client:
            yield client
    finally:
        process.terminate()
        process.wait(30)


def initiate() -> None:
    """Make the lonely member a set, and wait until it is written to."""
    member = {"_id": 0, "host": f"127.0.0.1:{PORT}"}
    with pymongo.MongoClient(URI, directConnection=True) as lonely:
        lonely.admin.command("replSetInitiate", {"_id": "rs", "members": [member]})
        while not lonely.admin.command("hello")["isWritablePrimary"]:
            pass


@pytest.fixture
def things(client) -> Iterator[pymongo.collection.Collection[Any]]:
    """A collection with some of everything, in a database of its own."""
    client.drop_database("shop")
    client.shop.things.insert_many([{"n": n, "text": "x" * 1000} for n in range(3000)])
    client.shop.things.create_index([("n", -1)], unique=True)
    client.shop.things.create_index("when", expireAfterSeconds=60)
    client.shop.create_collection("looks", viewOn="things", pipeline=[{"$match": {"n": 1}}])
    client.shop.create_collection("ring", capped=True, size=4096)
    client.shop["a/b ї"].insert_one({"_id": "one"})
    return client.shop.things


def asked(**order: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The program's answer, and the files that it told of."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM],
        input=json.dumps({"admin": URI, **order}).encode(),
        capture_output=True,
        check=True,
    )
    out, files = io.BytesIO(done.stdout), {}
    while True:
        message = json.loads(frames.receive(out))
        if "piece" not in message:
            return message, files
        files[message["piece"]] = files.get(message["piece"], b"") + frames.receive(out)


def laid(files: dict[str, bytes], folder: Path) -> list[dict[str, str]]:
    """*files* on a disk, as an order names them."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    names = [name.removesuffix(".metadata.json") for name in files if name.endswith(".json")]
    return [
        {
            "metadata": str(folder / f"{name}.metadata.json"),
            "bson": str(folder / f"{name}.bson") if f"{name}.bson" in files else "",
        }
        for name in names
    ]


def content(client: pymongo.MongoClient[Any], database: str) -> dict[str, Any]:
    """Documents, indexes and options of every collection but views."""
    db = client[database]
    found = {each["name"]: each for each in db.list_collections()}
    return {
        name: (
            list(db[name].find().sort("_id")),
            sorted(map(str, db[name].list_indexes())) if each["type"] == "collection" else [],
            each["options"],
        )
        for name, each in found.items()
        if not name.startswith("system.")
    }


def test_files_are_as_mongodump_names_them(things):
    _, files = asked(do="dump", database="shop")

    assert {
        "things.bson", "things.metadata.json", "looks.metadata.json", "ring.bson",
        "ring.metadata.json", "a%2Fb%20%D1%97.bson", "a%2Fb%20%D1%97.metadata.json",
    } == files.keys()  # fmt: skip


def test_documents_are_bson_one_after_the_other(things):
    answer, files = asked(do="dump", database="shop")

    assert list(things.find().sort("_id")) == list(
        bson.decode_file_iter(io.BytesIO(files["things.bson"]))
    )
    assert {"things.bson": 3000, "ring.bson": 0, "a%2Fb%20%D1%97.bson": 1} == answer["documents"]


def test_metadata_is_canonical_extended_json(things):
    """MongoDB Database Tools, `mongodump`: "metadata.json ... MongoDB Extended JSON v2.0"."""
    _, files = asked(do="dump", database="shop")

    told = json.loads(files["things.metadata.json"])

    assert {"$numberInt": "2"} == told["indexes"][0]["v"]
    assert [{"_id": {"$numberInt": "1"}}, {"n": {"$numberInt": "-1"}}] == [
        index["key"] for index in told["indexes"][:2]
    ]
    assert {"$numberInt": "60"} == told["indexes"][2]["expireAfterSeconds"]
    assert ("things", "collection", 32) == (
        told["collectionName"], told["type"], len(told["uuid"]),
    )  # fmt: skip
    assert True is json.loads(files["ring.metadata.json"])["options"]["capped"]
    assert "things" == json.loads(files["looks.metadata.json"])["options"]["viewOn"]


def test_what_was_dumped_is_loaded_as_it_was(client, things, tmp_path):
    _, files = asked(do="dump", database="shop")
    client.drop_database("shop2")

    asked(do="load", database="shop2", load=laid(files, tmp_path))

    assert content(client, "shop") == content(client, "shop2")


def test_a_copy_has_the_documents_indexes_options_and_views(client, things):
    client.drop_database("shop2")

    answer, files = asked(do="copy", database="shop", to="shop2")

    assert content(client, "shop") == content(client, "shop2")
    assert ({"snapshot"}, {}) == (answer.keys(), files)
    assert list(client.shop.looks.find()) == list(client.shop2.looks.find())


def test_a_check_tells_counts_and_digests_and_leaves_nothing(client, things, tmp_path):
    _, files = asked(do="dump", database="shop")
    before = client.list_database_names()

    answer, _ = asked(do="check", load=laid(files, tmp_path))

    assert 3000 == answer["held"]["things.bson"]["documents"]
    assert {name: bson_digest(files[name]) for name in files if name.endswith(".bson")} == {
        name: each["sha256"] for name, each in answer["held"].items()
    }
    assert before == client.list_database_names()


def bson_digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_torn_file_is_told_and_leaves_nothing(client, things, tmp_path):
    _, files = asked(do="dump", database="shop")
    files["things.bson"] = files["things.bson"][:-10]

    answer, _ = asked(do="check", load=laid(files, tmp_path))

    assert {"refused"} == answer.keys()
    assert [] == scratch(client)


def scratch(client: pymongo.MongoClient[Any]) -> list[str]:
    names = client.list_database_names()
    return [name for name in names if name.startswith("cinestream_verify_")]


def test_what_a_killed_check_leaves_is_dropped_by_the_next_order(client, things, tmp_path):
    _, files = asked(do="dump", database="shop")
    order = {"admin": URI, "do": "check", "load": laid(files, tmp_path)}
    # Its last document never comes, so that it loads until it is killed.
    (pipe := tmp_path / "pipe").unlink(missing_ok=True)
    os.mkfifo(pipe)
    order["load"][-1]["bson"] = str(pipe)
    running = begun(order)
    wait_for(lambda: scratch(client))

    asked(do="measure", database="shop")
    while_it_lives = scratch(client)
    running.kill()
    running.wait()
    asked(do="measure", database="shop")

    assert 1 == len(while_it_lives)
    assert [] == scratch(client)


def begun(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-I", "-c", PROGRAM]
    running = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert running.stdin
    with running.stdin:
        running.stdin.write(json.dumps(order).encode())
    return running


def wait_for(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_collection_that_cannot_be_copied_is_named(client, things):
    client.shop.create_collection("series", timeseries={"timeField": "at"})

    answer, _ = asked(do="dump", database="shop")

    assert "collection `series` is a timeseries: no copy is made of it" == answer["refused"]


def test_a_replica_set_is_copied_as_it_was_at_one_moment(client, things):
    """Every write puts one into each of two collections: at one moment they hold as many."""
    if not client.admin.command("hello").get("setName"):
        answer, _ = asked(do="dump", database="shop")
        assert False is answer["snapshot"]
        return
    with Writer(lambda n: twice(client, n)):
        answer, _ = asked(do="dump", database="shop")

    assert True is answer["snapshot"]
    assert answer["documents"]["a.bson"] == answer["documents"]["z.bson"]


def twice(client: pymongo.MongoClient[Any], n: int) -> None:
    with client.start_session() as session, session.start_transaction():
        client.shop.a.insert_one({"n": n}, session=session)
        client.shop.z.insert_one({"n": n}, session=session)


class Writer:
    """Somebody who writes all the while, from before the block on."""

    def __init__(self, write: Callable[[int], None]) -> None:
        self._write, self._over, self._begun = write, Event(), Event()
        self._thread = Thread(target=self._run)

    def _run(self) -> None:
        n = 0
        while not self._over.is_set():
            self._write(n)
            n += 1
            if n > 50:
                self._begun.set()

    def __enter__(self) -> None:
        self._thread.start()
        self._begun.wait(60)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
