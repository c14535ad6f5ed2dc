"""
A shelf of backups: the folders `SITE/MOMENT` below one directory, each written whole or not at all.

A shelf is whatever has the verbs of `Directory`.  What fails is told as `OSError`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, List, Optional

MANIFEST = "manifest.json"
NAME = re.compile(r"\d{8}T\d{6}Z")
PARTIAL = re.compile(r"\.(\d{8}T\d{6}Z)\.(?:partial|gone)")
PIECE = 1 << 18  # bytes
NO_FILE = -1

Parts = Dict[str, Dict[str, Any]]


class Directory:
    """A shelf on this machine; paths are below *top*, with `/` between names."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def named(self, path: str = "") -> str:
        """*path* as its owner writes it."""
        return str(self.top / path)

    def names(self, path: str = "") -> List[str]:
        """What is in the folder at *path*, sorted; nothing where there is no folder."""
        try:
            return sorted(each.name for each in (self.top / path).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def files(self, path: str) -> Dict[str, int]:
        """The bytes of each file below *path*, by its path from there; `NO_FILE` for a link."""
        top = self.top / path
        found = [Path(folder, name) for folder, _, names in os.walk(top) for name in names]
        links = [each for each in top.rglob("*") if each.is_symlink() and each not in found]
        return {each.relative_to(top).as_posix(): size(each) for each in (*found, *links)}

    def size(self, path: str) -> int:
        return size(self.top / path)

    def pieces(self, path: str) -> Iterator[bytes]:
        with (self.top / path).open("rb") as file:
            yield from iter(lambda: file.read(PIECE), b"")

    def make(self, path: str) -> None:
        """The folder at *path*, with those above it, for nobody else to look into."""
        folder = self.top / path
        for each in (*reversed(folder.parents), folder):
            if not each.is_dir():
                each.mkdir(0o700, exist_ok=True)

    def create(self, path: str) -> "Written":
        """A new file at *path*, and the folder that it is in."""
        self.make(path.rpartition("/")[0])
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        return Written(os.fdopen(os.open(self.top / path, flags, 0o600), "wb"))

    def rename(self, path: str, to: str) -> None:
        """Call the folder at *path* otherwise, for good and with all that is in it."""
        for folder, _, _ in os.walk(self.top / path):
            sync(folder)
        (self.top / path).rename(self.top / to)
        sync(str((self.top / to).parent))

    def remove(self, path: str) -> None:
        """The folder at *path*, with everything in it."""
        shutil.rmtree(self.top / path)

    def free(self) -> Optional[int]:
        """The bytes that fit, where that can be known; the directory need not be there yet."""
        there = next(each for each in (self.top, *self.top.parents) if each.exists())
        found = os.statvfs(there)
        return found.f_bavail * found.f_frsize


class Written:
    """A file that is being written: on the disk once it is closed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, piece: bytes) -> None:
        self._file.write(piece)

    def close(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def drop(self) -> None:
        with suppress(OSError):
            self._file.close()


def size(path: Path) -> int:
    found = path.lstat()
    return found.st_size if stat.S_ISREG(found.st_mode) else NO_FILE


def sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Draft:
    """The folder of a backup that is being written: files in it, one after the other."""

    def __init__(self, shelf: Any, path: str) -> None:
        self.shelf, self.path = shelf, path
        self.parts: Parts = {}
        self._name = ""
        self._file: Any = None
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, name: str, piece: bytes) -> None:
        """*piece* at the end of the part *name*; parts come one after the other."""
        if name != self._name:
            self.close()
            self._file = self.shelf.create(f"{self.path}/{name}")
            self._name, self._digest, self._size = name, hashlib.sha256(), 0
        self._file.write(piece)
        self._digest.update(piece)
        self._size += len(piece)

    def close(self) -> None:
        """What was written last is on the disk."""
        if self._name:
            self._file.close()
            self.parts[self._name] = {"size": self._size, "sha256": self._digest.hexdigest()}
        self._name = ""

    def drop(self) -> None:
        if self._name:
            self._file.drop()

    def count(self, name: str, documents: int) -> None:
        self.parts[name]["documents"] = documents

    def refuse_torn(self) -> None:
        """Read all of it again: `OSError` if it is not what was written."""
        for name, part in self.parts.items():
            path = f"{self.path}/{name}"
            if digest(self.shelf, path) != part["sha256"]:
                why = "it reads otherwise than it was written"
                raise OSError(errno.EIO, why, self.shelf.named(path))


def digest(shelf: Any, path: str) -> str:
    found = hashlib.sha256()
    for piece in shelf.pieces(path):
        found.update(piece)
    return found.hexdigest()


@contextmanager
def draft(shelf: Any, site: str, name: str) -> Iterator[Draft]:
    """The folder `SITE/NAME` once the block is done and it was read again; gone otherwise."""
    partial = f"{site}/.{name}.partial"
    if {name, f".{name}.partial"} & set(shelf.names(site)):
        why = "another one was begun in the same second"
        raise FileExistsError(errno.EEXIST, why, shelf.named(f"{site}/{name}"))
    made = Draft(shelf, partial)
    try:
        shelf.make(partial)
        yield made
        made.close()
        made.refuse_torn()
        shelf.rename(partial, f"{site}/{name}")
    except BaseException:
        made.drop()
        # What cannot be removed now is no backup, and goes with the next `prune`.
        with suppress(Exception):
            shelf.remove(partial)
        raise


def shelved(shelf: Any, site: str = "") -> List[str]:
    """The paths of all whole backups, of one *site* or of all; the latest last."""
    return [
        f"{each}/{name}"
        for each in ([site] if site else shelf.names())
        for name in shelf.names(each)
        if NAME.fullmatch(name) and MANIFEST in shelf.names(f"{each}/{name}")
    ]


def prune(shelf: Any, site: str, keep: int) -> List[str]:
    """
    The paths of *site* that are gone now: all but the *keep* latest.

    So are those that were broken off before the latest was made.
    """
    found = shelved(shelf, site)
    gone = found[: max(len(found) - keep, 0)]
    for path in gone:
        # One that is half deleted must not be taken for a whole one.
        shelf.rename(path, f"{site}/.{path.rpartition('/')[2]}.gone")
    before = found[-1].rpartition("/")[2] if found else ""
    for name in shelf.names(site):
        match = PARTIAL.fullmatch(name)
        if match and match[1] < before:
            shelf.remove(f"{site}/{name}")
    return gone
