"""
SQLite databases of a site that is written to while it is saved, brought back and cloned.
"""

from __future__ import annotations

import io
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.owner.conftest import Standing

DATA = "/var/www/shop/data"
WRITTEN = ("wal.db", "deep er/journal.db")
# Fifteen rows a second into each; once a row is committed, its number is noted.
WRITER = """
import os, sqlite3, sys, time
os.makedirs("deep er", exist_ok=True)
found = []
for name, mode in (("wal.db", "wal"), ("deep er/journal.db", "delete")):
    database = sqlite3.connect(name, timeout=60, isolation_level=None)
    database.execute(f"PRAGMA journal_mode = {mode}")
    database.execute("CREATE TABLE a (number INTEGER PRIMARY KEY, text)")
    database.execute("CREATE TABLE b (number INTEGER PRIMARY KEY, text)")
    found.append((database, open("/tmp/committed-" + mode, "w", buffering=1)))
number = 0
while True:
    number += 1
    for database, noted in found:
        database.execute("BEGIN IMMEDIATE")
        for table in "ab":
            database.execute(f"INSERT INTO {table} VALUES (?, ?)", (number, "x" * 20_000))
        database.execute("COMMIT")
        noted.write(f"{number}\\n")
    time.sleep(1 / 15)
"""
NOTED = {"wal.db": "/tmp/committed-wal", "deep er/journal.db": "/tmp/committed-delete"}


@dataclass(frozen=True)
class Busy:
    """The site `shop`, whose databases are written to all the while."""

    standing: Standing
    top: Path
    key: Path

    def saves(self) -> Path:
        line = f"backup create shop --to {self.top} --passphrase-file {self.key}"
        return Path(self.standing.owner.types(line).out.strip())

    def committed(self, name: str) -> int:
        return int(self.standing.host.runs("tail", "-n", "1", NOTED[name]))

    def restores(self, folder: Path) -> str:
        line = f"backup restore {folder} --as till --passphrase-file {self.key} --yes"
        return self.standing.owner.types(line).err


@pytest.fixture(scope="module")
def busy(rough: Standing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Busy]:
    key = tmp_path_factory.mktemp("key") / "key"
    key.write_text("correct horse battery staple\n")
    rough.host.tries("tee", "/tmp/writer.py", told=WRITER.encode())
    rough.host.sh("rm -rf /var/www/shop/data/*")  # what other tests have left there
    unit = f"--unit=writer --uid=shop --gid=shop --property=WorkingDirectory={DATA}"
    rough.host.sh(f"systemd-run --quiet {unit} /usr/bin/python3 /tmp/writer.py")
    rough.host.sh("until test -s /tmp/committed-delete; do sleep .1; done")
    yield Busy(rough, tmp_path_factory.mktemp("backups"), key)
    rough.host.tries("systemctl", "stop", "writer")
    for site in ("till", "stage"):
        rough.owner.tries(f"remove-site {site} --purge --yes")
    rough.host.sh(f"rm -rf {DATA}/*")


def files(folder: Path) -> dict[str, bytes]:
    """What is in the data of a backup; of a name that is there twice, the last counts."""
    with tarfile.open(folder / "data.tar") as archive:
        found = [(each, archive.extractfile(each)) for each in archive if each.isfile()]
        return {each.name.removeprefix("./"): file.read() for each, file in found if file}


def rows(database: bytes) -> list[int]:
    with closing(sqlite3.connect(":memory:")) as found:
        # In memory there is no log: it is as if it had never had one.
        found.deserialize(database[:18] + b"\x01\x01" + database[20:])
        assert [("ok",)] == found.execute("PRAGMA integrity_check").fetchall()
        both = [found.execute(f"SELECT number FROM {table}").fetchall() for table in "ab"]
    assert both[0] == both[1]
    return [number for (number,) in both[0]]


def rows_on(host, path: str) -> list[int]:
    script = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); "
        "assert db.execute('PRAGMA integrity_check').fetchall() == [('ok',)]; "
        "print(*(row[0] for row in db.execute('SELECT number FROM a')))"
    )
    return [int(word) for word in host.runs("python3", "-c", script, path).split()]


def upto(number: int) -> list[int]:
    return list(range(1, number + 1))


def test_ten_of_ten_backups_under_a_writer_are_whole(busy: Busy):
    for _ in range(10):
        before = {name: busy.committed(name) for name in WRITTEN}
        folder = busy.saves()
        after = {name: busy.committed(name) for name in WRITTEN}

        found = files(folder)
        assert set(WRITTEN) == set(found)
        for name in WRITTEN:
            kept = rows(found[name])
            assert upto(len(kept)) == kept
            # One may be committed that is not yet noted.
            assert before[name] <= len(kept) <= after[name] + 1

    said = busy.standing.owner.types(f"backup verify {folder}")
    warned = busy.restores(folder)

    assert "is whole" in said.err
    assert "SQLite" not in warned
    for name in WRITTEN:
        restored = rows_on(busy.standing.host, f"/var/www/till/data/{name}")
        assert rows(found[name]) == restored
    assert "" == busy.standing.host.sh("ls -A /var/lib/cinestream/incoming")
    busy.standing.owner.types("remove-site till --purge --yes")


def test_a_clone_under_a_writer_is_whole(busy: Busy):
    before = {name: busy.committed(name) for name in WRITTEN}
    busy.standing.owner.types("clone-site shop stage --workers 1 --yes")

    for name in WRITTEN:
        kept = rows_on(busy.standing.host, f"/var/www/stage/data/{name}")
        assert upto(len(kept)) == kept
        assert before[name] <= len(kept)
    found = busy.standing.host.sh("cd /var/www/stage/data && find . -type f -printf '%P\\n'")
    assert set(WRITTEN) == set(found.splitlines())


def test_a_database_that_is_none_is_named_and_nothing_is_saved(busy: Busy):
    fake = f"{DATA}/fake.db"
    make = (
        f"(printf 'SQLite format 3\\000'; head -c 9000 /dev/urandom) >'{fake}'; chown shop '{fake}'"
    )
    with busy.standing.host.meanwhile(make, f"rm '{fake}'"):
        line = f"--passphrase-file {busy.key}"
        said = busy.standing.owner.tries(f"backup create shop --to {busy.top}/no {line}")
        cloned = busy.standing.owner.tries("clone-site shop third --yes")

    for each in (said, cloned):
        assert 1 == each.code
        assert "error: the SQLite database `data/fake.db` is not saved: " in each.err
        assert "hint: repair it" in each.err
    assert not [*(busy.top / "no/shop").iterdir()]
    assert "" == busy.standing.host.sh("ls -d /var/www/third 2>/dev/null; true")


def test_what_the_site_cannot_read_is_named(busy: Busy):
    shut = f"{DATA}/shut.db"
    with busy.standing.host.meanwhile(f"umask 077; echo x >{shut}", f"rm {shut}"):
        line = f"--passphrase-file {busy.key}"
        said = busy.standing.owner.tries(f"backup create shop --to {busy.top}/no {line}")

    assert 1 == said.code
    assert f"`{shut}` cannot be read: Permission denied" in said.err
    assert "hint: the site's user has to be able to read all of `data`" in said.err


def test_a_torn_database_in_a_backup_is_told(busy: Busy):
    """As older versions could make one: its files are as its manifest says."""
    from tests.owner.resealed import with_data

    folder = busy.saves()
    torn = with_data(folder, busy.key, lambda data: damaged(data, "wal.db"))

    said = busy.standing.owner.tries(f"backup verify {torn}")
    warned = busy.restores(torn)

    assert 1 == said.code
    assert "SQLite databases in the backup are not whole: `data/wal.db`: " in said.err
    assert "warning: these SQLite databases were not whole in the backup: `data/wal.db`" in warned


def damaged(data: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        member = archive.getmember(f"./{name}")
    begin = member.offset_data + 3 * 4096
    return data[:begin] + b"\x5a" * (20 * 4096) + data[begin + 20 * 4096 :]
