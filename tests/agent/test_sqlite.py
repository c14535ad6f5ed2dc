"""
SQLite databases are saved whole while somebody writes to them.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cinestream_ops.agent import sqlite_program

# Two rows that belong together, and one that is changed, in each transaction.
WRITER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
number = 0
while True:
    number += 1
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO a VALUES (?, ?)", (number, "x" * 2000))
    database.execute("INSERT INTO b VALUES (?, ?)", (number, "y" * 2000))
    database.execute("UPDATE total SET count = ?", (number,))
    database.execute("COMMIT")
    print(number, flush=True)
"""


@pytest.fixture(params=["delete", "wal"])
def database(request, tmp_path) -> Path:
    path = tmp_path / "data/deep/shop.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as made:
        made.execute(f"PRAGMA journal_mode = {request.param}")
        for table in ("a", "b"):
            made.execute(f"CREATE TABLE {table} (number INTEGER PRIMARY KEY, text)")
        made.execute("CREATE TABLE total AS SELECT 0 AS count")
        made.commit()
    return path


@contextmanager
def written(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Somebody writes to the database all the while, and says after each transaction."""
    argv = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            process.stdout.readline()
            yield process
            assert process.poll() is None
        finally:
            process.kill()


def runs(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """The program as it is brought to a server: its text, and the standard library alone."""
    text = Path(sqlite_program.__file__).read_text()
    argv = [sys.executable, "-I", "-S", "-c", text, *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)


def rows(path: Path) -> tuple[int, int, int]:
    asked = "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), (SELECT count FROM total)"
    with closing(sqlite3.connect(path)) as database:
        assert [("ok",)] == database.execute("PRAGMA integrity_check").fetchall()
        return database.execute(asked).fetchone()


def test_ten_of_ten_copies_under_a_writer_are_whole(database, tmp_path):
    with written(database) as writer:
        for number in range(10):
            before = int(writer.stdout.readline())
            done = runs("save", tmp_path / "data", tmp_path / str(number))
            copy = tmp_path / str(number) / "deep/shop.db"

            assert (0, "") == (done.returncode, done.stderr)
            a, b, total = rows(copy)
            assert a == b == total >= before
            assert {copy} == set(copy.parent.iterdir())


def test_what_is_only_in_the_log_is_in_the_copy(tmp_path):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data/new.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("CREATE TABLE a AS SELECT 7 AS number")
        shutil.copy(path, tmp_path / "copied")
        runs("save", tmp_path / "data", tmp_path / "saved")

    with closing(sqlite3.connect(tmp_path / "saved/new.db")) as saved:
        assert (7,) == saved.execute("SELECT number FROM a").fetchone()
    with closing(sqlite3.connect(tmp_path / "copied")) as copied:
        assert [] == copied.execute("SELECT name FROM sqlite_master").fetchall()


def test_what_a_writer_left_half_done_is_undone_in_the_copy(database, tmp_path):
    with written(database) as writer:
        writer.stdout.readline()
    runs("save", tmp_path / "data", tmp_path / "saved")

    a, b, total = rows(tmp_path / "saved/deep/shop.db")
    assert a == b == total > 0


def test_a_database_is_known_by_its_header_and_links_lead_nowhere(database, tmp_path):
    (tmp_path / "outside.db").write_bytes(database.read_bytes())
    (database.parent / "link.db").symlink_to(tmp_path / "outside.db")
    (database.parent / "folder").symlink_to(tmp_path)
    (database.parent / "fake.db").write_text("not one")
    os.mkfifo(database.parent / "pipe.db")
    shutil.copy(database, database.parent / "b?#%ä \n.bin")

    done = runs("save", tmp_path / "data", tmp_path / "saved")

    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"deep/shop.db", "deep/b?#%ä \n.bin"} == {each["path"] for each in found}
    assert "deep/shop.db-wal" in next(each["beside"] for each in found if "shop" in each["path"])


def test_a_copy_keeps_its_mode(database, tmp_path):
    database.chmod(0o640)
    runs("save", tmp_path / "data", tmp_path / "saved")

    assert 0o640 == (tmp_path / "saved/deep/shop.db").stat().st_mode & 0o777


def test_a_damaged_database_is_not_saved_and_named(database, tmp_path):
    with written(database) as writer:
        for _ in range(50):
            writer.stdout.readline()
    rows(database)
    with database.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(os.urandom(40 * 4096))

    saved = runs("save", tmp_path / "data", tmp_path / "saved")
    checked = runs("check", tmp_path / "data")

    assert 1 == saved.returncode
    assert "the SQLite database `deep/shop.db` is not saved: " in saved.stderr
    assert 1 == checked.returncode
    assert json.loads(checked.stdout)["faults"]


def test_a_whole_database_has_no_faults(database, tmp_path):
    done = runs("check", tmp_path / "data")

    assert 0 == done.returncode
    assert {"path": "deep/shop.db", "faults": []} == json.loads(done.stdout)


def test_an_order_of_the_sites_own_is_no_fault(database, tmp_path):
    with closing(sqlite3.connect(database)) as made:
        made.create_collation("ours", lambda one, two: (one > two) - (one < two))
        made.execute("CREATE TABLE c (name TEXT COLLATE ours)")
        made.execute("CREATE INDEX by_name ON c (name)")
        made.execute("INSERT INTO c VALUES ('x'), ('y')")
        made.commit()

    assert 0 == runs("save", tmp_path / "data", tmp_path / "saved").returncode


def test_a_database_that_stays_locked_is_not_waited_for_for_ever(database, tmp_path):
    with closing(sqlite3.connect(database, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("INSERT INTO a VALUES (1, '')")

        with pytest.raises(sqlite_program.Unsaved, match="locked"):
            sqlite_program.save(database, tmp_path / "saved/shop.db", patience=0.3)


def test_what_goes_while_databases_are_listed_is_none(tmp_path):
    assert "" == sqlite_program.kind_of(tmp_path / "shop.db-journal")
