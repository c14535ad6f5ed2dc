"""
Where setup gets MongoDB from.
"""

import hashlib
from dataclasses import dataclass, field

import pytest

from cinestream_ops.channel.target import Target
from cinestream_ops.cli import mongodb
from cinestream_ops.cli.options import Mode, SetupOptions
from cinestream_ops.errors import OpsError
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.state.facts import Facts, Machine

URL = "https://fastdl.mongodb.org/linux/mongodb-linux-x86_64-debian12-8.0.17.tgz"
DIGEST = "a" * 64


@dataclass
class Found:
    facts: Facts


@dataclass
class Host:
    """As much of a session as the choice looks at."""

    machine: Machine = field(default_factory=Machine)
    target: Target = field(default_factory=lambda: Target("web1"))
    house: House = field(default_factory=House)

    @property
    def found(self):
        return Found(Facts(machine=self.machine, specs={}, items={}))


def with_mongodb(**table):
    return Host(house=House(toml.server({"mongodb": table})))


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "mongodb.tgz"
    path.write_bytes(b"an archive")
    return path


def test_without_options_the_makers_archive_is_named_and_its_digest_asked_for():
    with pytest.raises(OpsError) as raised:
        mongodb.chosen(Host(), SetupOptions())

    assert f"the SHA-256 of `{URL}` is not known" == str(raised.value)
    assert f"read it from `{URL}.sha256`, and give it with `--mongodb-sha256 HEX`" == (
        raised.value.hint
    )


def test_with_its_digest_the_makers_archive_is_taken():
    brought = mongodb.chosen(Host(), SetupOptions(mongodb_sha256=DIGEST))

    assert {"mode": "archive", "url": URL, "sha256": DIGEST} == brought.table


def test_a_system_without_an_archive_of_the_makers_is_told_so():
    with pytest.raises(OpsError, match="no archive for `debian 13 x86_64`"):
        mongodb.chosen(Host(Machine(version="13")), SetupOptions())


def test_an_archive_on_this_machine_is_uploaded_by_its_digest(archive):
    digest = hashlib.sha256(b"an archive").hexdigest()

    brought = mongodb.chosen(Host(), SetupOptions(mongodb_archive=str(archive)))

    assert {"mode": "archive", "sha256": digest} == brought.table
    assert {digest: archive} == brought.uploads


def test_an_archive_with_another_digest_is_refused(archive):
    with pytest.raises(OpsError, match="is not the archive that was named: its SHA-256 is"):
        mongodb.chosen(Host(), SetupOptions(mongodb_archive=str(archive), mongodb_sha256=DIGEST))


def test_a_missing_archive_is_refused():
    with pytest.raises(OpsError, match="`/nowhere` cannot be read: No such file or directory"):
        mongodb.chosen(Host(), SetupOptions(mongodb_archive="/nowhere"))


def test_what_is_no_digest_is_refused():
    with pytest.raises(OpsError, match="`abc` is not a SHA-256 digest"):
        mongodb.chosen(Host(), SetupOptions(mongodb_sha256="abc"))


def test_the_archive_of_the_inventory_is_taken_where_none_is_named(archive):
    digest = hashlib.sha256(b"an archive").hexdigest()
    target = Target("box", mongodb_archive=str(archive), mongodb_sha256=digest)

    assert {digest: archive} == mongodb.chosen(Host(target=target), SetupOptions()).uploads


def test_what_the_server_has_stays_when_nothing_is_named():
    there = {"mode": "archive", "sha256": DIGEST, "cache": 512}

    assert there == mongodb.chosen(with_mongodb(**there), SetupOptions()).table


def test_no_mongodb_needs_nothing():
    assert {"mode": "none"} == mongodb.chosen(Host(), SetupOptions(mongodb=Mode.NONE)).table


def test_an_external_mongodb_needs_a_uri():
    with pytest.raises(OpsError, match="needs the URI of an administrator"):
        mongodb.chosen(Host(), SetupOptions(mongodb=Mode.EXTERNAL))


def test_the_uri_of_an_external_mongodb_travels_as_a_secret(tmp_path):
    path = tmp_path / "uri"
    path.write_text("mongodb://admin:hush@db.example/\n")

    brought = mongodb.chosen(Host(), SetupOptions(mongo_uri_file=path))

    assert {"mode": "external"} == brought.table
    assert "mongodb://admin:hush@db.example/" == brought.secrets["/MONGODB_ELSEWHERE_URI"].reveal()
    assert "hush" not in repr(brought)
