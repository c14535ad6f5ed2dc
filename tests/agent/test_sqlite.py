"""
The data of a site is packed while somebody writes to it: SQLite databases, and all else.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cinestream_ops.agent import data_program

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


def runs(*words: str | Path, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """The program as it is brought to a server: its text, and the standard library alone."""
    text = Path(data_program.__file__).read_text()
    argv = [sys.executable, "-I", "-S", "-c", text, *map(str, words)]
    return subprocess.run(argv, capture_output=True, check=False, timeout=120, **more)


def packs(tmp_path: Path, to: str = "saved") -> subprocess.CompletedProcess[bytes]:
    """The program packs `data`; what it wrote is unpacked as a restore does."""
    copy, target = tmp_path / "copy", tmp_path / to
    copy.touch()
    done = runs("pack", tmp_path / "data", copy)
    if not done.returncode:
        target.mkdir()
        (tmp_path / f"{to}.tar").write_bytes(done.stdout)
        options = ["--preserve-permissions", "--warning=no-unknown-keyword"]
        argv = ["tar", "--extract", *options, f"--directory={target}", "--file=-"]
        unpacked = subprocess.run(argv, input=done.stdout, capture_output=True, check=True)
        assert b"" == unpacked.stderr
    return done


def told(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def rows(path: Path) -> tuple[int, int, int]:
    asked = "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), (SELECT count FROM total)"
    with closing(sqlite3.connect(path)) as database:
        assert [("ok",)] == database.execute("PRAGMA integrity_check").fetchall()
        return database.execute(asked).fetchone()


def test_ten_of_ten_copies_under_a_writer_are_whole(database, tmp_path):
    with written(database) as writer:
        for number in range(10):
            before = int(writer.stdout.readline())
            done = packs(tmp_path, str(number))
            copy = tmp_path / str(number) / "deep/shop.db"

            assert (0, b"") == (done.returncode, done.stderr)
            assert {copy} == set(copy.parent.iterdir())
            a, b, total = rows(copy)
            assert a == b == total >= before


def test_a_log_that_is_gone_by_now_is_left_out_too():
    inside = {
        "shop.db": data_program.DATABASE,
        "shop.db-journal": data_program.NOTHING,
        "socket": data_program.NOTHING,
        "shop.db-wal": data_program.PIPE,
    }

    assert ["shop.db", "socket", "shop.db-wal"] == data_program.own(inside)


def test_what_is_only_in_the_log_is_in_the_copy(tmp_path):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data/new.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("CREATE TABLE a AS SELECT 7 AS number")
        shutil.copy(path, tmp_path / "copied")
        packs(tmp_path)

    with closing(sqlite3.connect(tmp_path / "saved/new.db")) as saved:
        assert (7,) == saved.execute("SELECT number FROM a").fetchone()
        assert ("wal",) == saved.execute("PRAGMA journal_mode").fetchone()
    with closing(sqlite3.connect(tmp_path / "copied")) as copied:
        assert [] == copied.execute("SELECT name FROM sqlite_master").fetchall()


def test_what_a_writer_left_half_done_is_undone_in_the_copy(database, tmp_path):
    with written(database) as writer:
        writer.stdout.readline()
    packs(tmp_path)

    a, b, total = rows(tmp_path / "saved/deep/shop.db")
    assert a == b == total > 0


def test_all_sorts_of_files_come_back_as_they_were(database, tmp_path):
    data = tmp_path / "data"
    (tmp_path / "outside.db").write_bytes(database.read_bytes())
    (data / "link.db").symlink_to(tmp_path / "outside.db")
    (data / "folder").symlink_to(tmp_path)
    (data / "fake.db").write_text("not one")
    (data / "notes.txt-wal").write_text("no log of a database")
    os.mkfifo(data / "pipe.db")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(data / "s"))
    shutil.copy(database, data / "b?#%ä \n.bin")
    Path(os.fsdecode(bytes(data) + b"/\xff\xfe")).write_text("no text")
    (data / ("long" * 50)).write_text("x")
    os.link(data / "fake.db", data / "twice.db")
    (data / "empty").touch()
    (data / "shut").mkdir(mode=0o500)
    database.chmod(0o640)

    done = packs(tmp_path)
    seen = {path.relative_to(tmp_path / "saved"): path for path in (tmp_path / "saved").rglob("*")}

    assert 0 == done.returncode, done.stderr
    assert {path.relative_to(data) for path in data.rglob("*")} - {Path("s")} == set(seen)
    for name, path in seen.items():
        was = data / name
        assert path.lstat().st_mode == was.lstat().st_mode
        if path.is_symlink():
            assert was.readlink() == path.readlink()
        elif path.is_file() and data_program.is_database(was):
            assert (0, 0, 0) == rows(path)
        elif path.is_file():
            assert was.read_bytes() == path.read_bytes()
    assert seen[Path("fake.db")].samefile(seen[Path("twice.db")])


@pytest.mark.parametrize("begin", [b"", b"x"])
@pytest.mark.parametrize("end", [b"", b"y"])
def test_holes_stay_holes(tmp_path, begin, end):
    (tmp_path / "data").mkdir()
    path, size = tmp_path / "data/sparse", 1 << 30
    with path.open("wb") as file:
        file.write(begin)
        file.seek(size // 2)
        file.write(b"middle")
        file.truncate(size)
        file.seek(size - len(end))
        file.write(end)

    packs(tmp_path)

    saved = tmp_path / "saved/sparse"
    assert size == saved.stat().st_size
    assert saved.stat().st_blocks < 1000
    assert (tmp_path / "saved.tar").stat().st_size < 1 << 20
    with saved.open("rb") as file:
        assert begin == file.read(len(begin))
        file.seek(size // 2)
        assert b"middle\0" == file.read(7)
        file.seek(size - len(end))
        assert end == file.read()


CHANGER = """
import os, sys
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
number = 0
while True:
    number += 1
    for at in range(0, 40 << 20, 1 << 16):
        os.pwrite(file, number.to_bytes(8, "big"), at)
    print(number, flush=True)
"""
APPENDER = """
import sys
with open(sys.argv[1], "a", buffering=1) as file:
    number = 0
    while True:
        number += 1
        file.write(str(number) + chr(10))
        if number % 1000 == 0: print(number, flush=True)
"""


@contextmanager
def at_work(program: str, path: Path) -> Iterator[None]:
    argv = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()
            drain = threading.Thread(target=process.stdout.read)
            drain.start()
            yield
            assert process.poll() is None
        finally:
            process.kill()
            drain.join()


def test_a_file_that_changes_all_the_while_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    with at_work(CHANGER, tmp_path / "data/state"):
        done = packs(tmp_path)

    assert data_program.REFUSED == done.returncode
    assert b"`data/state` changed each time that it was read\nback the site up" in done.stderr


class Meddling(io.BytesIO):
    """An archive, while it is written to which something happens once to what is read."""

    def __init__(self, meddle: Callable[[], object]) -> None:
        super().__init__()
        self._meddle = meddle

    def write(self, content: Any) -> int:
        written = super().write(content)
        # The header says that it is being read.
        if b"state" in bytes(content[:100]) and self._meddle:
            meddle, self._meddle = self._meddle, None
            meddle()
        return written


@pytest.fixture
def state(tmp_path) -> Path:
    path = tmp_path / "data/state"
    path.parent.mkdir()
    path.write_bytes(b"a" * 3 * data_program.PIECE)
    return path


def meddled(state: Path, meddle: Callable[[], object]) -> dict[str, bytes]:
    out = Meddling(meddle)
    data_program.Packing(state.parent, state, out).run()
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as archive:
        return {each.name: archive.extractfile(each).read() for each in archive if each.isfile()}


@pytest.mark.parametrize("content", [b"b" * 3 * data_program.PIECE, b"b", b""])
def test_of_a_file_that_changed_once_the_last_reading_counts(state, content):
    assert {"./state": content} == meddled(state, lambda: state.write_bytes(content))


def test_a_file_that_is_gone_is_what_it_was(state):
    assert {"./state": state.read_bytes()} == meddled(state, state.unlink)


def test_a_file_that_changed_and_is_gone_is_named(state):
    def meddle() -> None:
        state.write_bytes(b"b")
        state.unlink()

    with pytest.raises(data_program.Unsaved, match=r"`data/state` changed .* and is gone"):
        meddled(state, meddle)


def test_a_file_that_only_grows_is_what_it_was_at_one_moment(tmp_path):
    (tmp_path / "data").mkdir()
    with at_work(APPENDER, tmp_path / "data/log"):
        done = packs(tmp_path)

    lines = (tmp_path / "saved/log").read_text()
    assert 0 == done.returncode, done.stderr
    assert (tmp_path / "data/log").read_text().startswith(lines)
    assert lines


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(os.urandom(40 * 4096))


def test_a_damaged_database_is_not_saved_and_named(database, tmp_path):
    with written(database) as writer:
        for _ in range(50):
            writer.stdout.readline()
    rows(database)
    damage(database)

    saved = packs(tmp_path)
    checked = runs("check", tmp_path / "data")

    assert data_program.REFUSED == saved.returncode
    assert b"the SQLite database `data/deep/shop.db` is not saved: " in saved.stderr
    assert b"\nrepair it (`sqlite3 data/deep/shop.db .recover`)" in saved.stderr
    assert ["data/deep/shop.db"] == [each["path"] for each in told(checked) if each["faults"]]


def test_what_only_looks_like_a_database_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/fake").write_bytes(data_program.HEADER + os.urandom(5000))

    done = packs(tmp_path)

    assert data_program.REFUSED == done.returncode
    assert b"the SQLite database `data/fake` is not saved: " in done.stderr


def test_a_damaged_database_in_an_archive_is_told(database, tmp_path):
    with written(database) as writer:
        for _ in range(50):
            writer.stdout.readline()
    rows(database)
    packs(tmp_path)
    whole = (tmp_path / "saved.tar").read_bytes()
    damage(tmp_path / "saved/deep/shop.db")
    argv = ["tar", "--create", f"--directory={tmp_path}/saved", "."]
    torn = subprocess.run(argv, capture_output=True, check=True).stdout
    (tmp_path / "saved/deep/shop.db-wal").write_text("its log")
    logged = subprocess.run(argv, capture_output=True, check=True).stdout

    (fine,) = told(runs("inspect", tmp_path / "copy", input=whole))
    (found,) = told(runs("inspect", tmp_path / "copy", input=torn))
    more = told(runs("inspect", tmp_path / "copy", input=logged))

    assert {"path": "data/deep/shop.db", "faults": []} == fine
    assert found["faults"]
    assert "was saved beside it" in more[-1]["faults"][0]
    assert data_program.REFUSED == runs("inspect", tmp_path / "copy", input=whole[:9000]).returncode


def test_a_whole_database_has_no_faults(database, tmp_path):
    done = runs("check", tmp_path / "data")

    assert 0 == done.returncode
    assert [{"path": "data/deep/shop.db", "faults": []}] == told(done)


def test_an_order_and_a_function_of_the_sites_own_are_no_fault(database, tmp_path):
    with closing(sqlite3.connect(database)) as made:
        made.create_collation("ours", lambda one, two: (one > two) - (one < two))
        made.create_function("mine", 1, lambda value: value, deterministic=True)
        made.execute("CREATE TABLE c (name TEXT COLLATE ours)")
        made.execute("CREATE INDEX by_name ON c (name)")
        made.execute("CREATE INDEX by_ours ON c (mine(name))")
        made.execute("INSERT INTO c VALUES ('x'), ('y')")
        made.commit()

    done = packs(tmp_path)

    assert 0 == done.returncode, done.stderr


def test_a_database_that_stays_locked_is_not_waited_for_for_ever(database, tmp_path):
    (tmp_path / "copy").touch()
    with closing(sqlite3.connect(database, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("INSERT INTO a VALUES (1, '')")

        with pytest.raises(data_program.Unsaved, match="locked"):
            data_program.save(database, tmp_path / "copy", patience=0.3)


def test_what_goes_while_databases_are_listed_is_none(tmp_path):
    assert data_program.NOTHING == data_program.kind_of(tmp_path / "shop.db-journal")


def test_work_without_a_word_is_not_taken_for_death(tmp_path):
    """A sign of life between two members is nothing to who unpacks it."""
    silence = data_program.Packing(tmp_path, tmp_path, None).out.silence
    (tmp_path / "data").mkdir()
    packs(tmp_path)
    archive = (tmp_path / "saved.tar").read_bytes()

    listed = subprocess.run(["tar", "-t"], input=silence + archive, capture_output=True, check=True)

    assert (b"./\n", b"") == (listed.stdout, listed.stderr)
