"""
SQLite databases below a folder, saved and checked while others write to them.

It runs as the user whose folder it is, in the sandbox of that user's units: it imports nothing of
ours, so that its text is all that has to be brought there.  What it opens may have been made by
somebody who means harm, and nothing is done with it that the site could not do itself.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Callable, Dict, Iterator, List
from urllib.parse import quote

# https://www.sqlite.org/fileformat.html#the_database_header
HEADER = b"SQLite format 3\0"
# https://www.sqlite.org/tempfiles.html: parts of a database for as long as it is open.
BESIDE = ("-wal", "-shm", "-journal")
FOLDER, DATABASE = "folder", "database"
PATIENCE = 60.0  # seconds that somebody may keep a database locked
PAUSE = 0.1  # seconds between two tries
OWN_ORDERS = 50  # that a site may have made up, at most


class Unsaved(Exception):
    """A database cannot be saved, or is not whole."""


def databases(top: Path) -> Iterator[Path]:
    """All databases below *top*; links are not followed."""
    waiting = [top]
    while waiting:
        for path in sorted(waiting.pop().iterdir(), reverse=True):
            kind = kind_of(path)
            if kind == FOLDER:
                waiting.append(path)
            elif kind == DATABASE:
                yield path


def kind_of(path: Path) -> str:
    """FOLDER, DATABASE, or nothing of both; a journal may be gone since its name was listed."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            return FOLDER
        return DATABASE if stat.S_ISREG(mode) and is_database(path) else ""
    except FileNotFoundError:
        return ""


def is_database(path: Path) -> bool:
    """By its header; what is new may have all of its content in the log beside it still."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        begin = file.read(len(HEADER))
    return begin == HEADER or (not begin and path.with_name(f"{path.name}-wal").exists())


def opened(path: Path, patience: float = PATIENCE) -> "closing[sqlite3.Connection]":
    """The database at *path*, which is not made where there is none."""
    address = f"file:{quote(os.fsencode(path.absolute()))}?mode=rw"
    found = sqlite3.connect(address, uri=True, timeout=patience, isolation_level=None)
    # What the schema of a stranger names is not to be run: https://www.sqlite.org/security.html
    found.execute("PRAGMA trusted_schema = OFF")
    return closing(found)


def save(path: Path, to: Path, patience: float = PATIENCE) -> None:
    """
    Make *to* a copy of the database at *path* as it was at one moment.

    By SQLite's own backup API in one step: who writes meanwhile waits, or is not in it.  The copy
    needs no log or journal beside it.  Raises `Unsaved`.
    """
    until = time.monotonic() + patience

    def is_over(status: int, _left: int, _all: int) -> None:
        if time.monotonic() > until:
            raise Unsaved(f"it was locked for {patience:.0f} s (SQLite's status {status})")

    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    to.touch(mode=0o600, exist_ok=False)
    try:
        with opened(path, patience) as source, opened(to) as target:
            source.backup(target, progress=is_over, sleep=PAUSE)
        to.chmod(stat.S_IMODE(path.stat().st_mode))
    except (sqlite3.Error, OSError) as error:
        raise Unsaved(str(error)) from error


def faults(path: Path) -> List[str]:
    """What is wrong with the database at *path*; nothing where it is whole."""
    try:
        with opened(path) as database:
            told = checked(database)
    except sqlite3.Error as error:
        return [str(error)]
    return [] if told == ["ok"] else told


def checked(database: sqlite3.Connection) -> List[str]:
    """
    What SQLite says of it.

    The order of an index may be a function of the site's own: then all is checked but the order.
    """
    check = "PRAGMA integrity_check(10)"
    for _ in range(OWN_ORDERS):
        try:
            return [row[0] for row in database.execute(check)]
        except sqlite3.OperationalError as error:
            _, found, name = str(error).partition("no such collation sequence: ")
            if not found:
                raise
            check = "PRAGMA quick_check(10)"
            database.create_collation(name, lambda one, two: (one > two) - (one < two))
    raise Unsaved("it has too many orders of its own")


def saved(top: Path, to: Path) -> Iterator[Dict[str, object]]:
    """Copies below *to* of all databases below *top*, whole; *beside* is what they replace too."""
    for path in databases(top):
        name = path.relative_to(top)
        try:
            save(path, to / name)
            refuse_damaged(to / name)
        except Unsaved as error:
            raise Unsaved(f"the SQLite database `{name}` is not saved: {error}") from error
        beside = [f"{name}{end}" for end in BESIDE]
        yield {"path": str(name), "size": (to / name).stat().st_size, "beside": beside}


def refuse_damaged(copy: Path) -> None:
    if wrong := faults(copy):
        raise Unsaved("; ".join(wrong))


def examined(top: Path) -> Iterator[Dict[str, object]]:
    for path in databases(top):
        yield {"path": str(path.relative_to(top)), "faults": faults(path)}


def main(argv: List[str]) -> int:
    """`save TOP TO` or `check TOP`: a line of JSON for each database; 1 where one is not whole."""
    act, *folders = argv
    code = 0
    try:
        for told in ACTS[act](*map(Path, folders)):
            sys.stdout.write(json.dumps(told) + "\n")
            code |= bool(told.get("faults"))
    except (Unsaved, OSError) as error:
        sys.stderr.write(ascii(str(error))[1:-1] + "\n")
        return 1
    return code


ACTS: Dict[str, Callable[..., Iterator[Dict[str, object]]]] = {"save": saved, "check": examined}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
