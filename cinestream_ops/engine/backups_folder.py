"""
Backups on a shelf: what is in one, read with every byte checked.

A shelf is a directory on this machine, or one that SFTP reaches; nothing here can tell which.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from cinestream_ops.agent import backup_shelf
from cinestream_ops.agent.backup_shelf import NO_FILE
from cinestream_ops.errors import BadSpec, Fault, NotFound, OpsError
from cinestream_ops.spec.backup import MANIFEST, Manifest, Part, PartName, manifest

LARGEST = 64 << 20  # bytes of a part that is read whole: a manifest, a spec, an `.env`


class Writing(Protocol):
    """A file that is being written: on the disk once it is closed."""

    def write(self, piece: bytes) -> None: ...
    def close(self) -> None: ...
    def drop(self) -> None: ...


class Shelf(Protocol):
    """A directory that keeps backups, wherever it is: see `backup_shelf.Directory`."""

    def named(self, path: str = "") -> str: ...
    def names(self, path: str = "") -> list[str]: ...
    def files(self, path: str) -> Mapping[str, int]: ...
    def size(self, path: str) -> int: ...
    def pieces(self, path: str) -> Iterator[bytes]: ...
    def make(self, path: str) -> None: ...
    def create(self, path: str) -> Writing: ...
    def rename(self, path: str, to: str) -> None: ...
    def remove(self, path: str) -> None: ...
    def free(self) -> int | None: ...


@dataclass(frozen=True)
class Stored:
    """A file or a folder on a shelf; the shelf itself, without a path."""

    shelf: Shelf
    path: str = ""

    def __str__(self) -> str:
        return self.shelf.named(self.path)

    def __truediv__(self, name: str) -> Stored:
        return Stored(self.shelf, f"{self.path}/{name}" if self.path else name)

    @property
    def size(self) -> int:
        with told_of(self):
            return self.shelf.size(self.path)

    def chunks(self) -> Iterator[bytes]:
        with told_of(self):
            yield from self.shelf.pieces(self.path)

    def content(self) -> bytes:
        with told_of(self):
            return whole(self)


def whole(what: Stored) -> bytes:
    """
    All of a small file; raises `OSError` for what is none, and for one that is too large.

    Others may have put there a pipe, a link to a device, or a file that does not end.
    """
    if not 0 <= what.shelf.size(what.path) <= LARGEST:
        raise OSError(errno.EFBIG, "it is not a file, or too large", str(what))
    content = bytearray()
    for piece in what.shelf.pieces(what.path):
        content += piece
        if len(content) > LARGEST:
            raise OSError(errno.EFBIG, "it is too large", str(what))
    return bytes(content)


@contextmanager
def told_of(what: Stored) -> Iterator[None]:
    """An `OSError` in the block is an `OpsError` with a sentence."""
    try:
        yield
    except OSError as error:
        raise OpsError(f"`{error.filename or what}` cannot be read: {error.strerror}") from None


def read(folder: Stored) -> Manifest:
    """The manifest in *folder*; raises `NotFound` or `BadSpec`."""
    where = folder / MANIFEST
    try:
        text = whole(where).decode()
        return manifest(json.loads(text), str(where))
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"`{folder}` is not a backup: there is no `{MANIFEST}` in it",
            "`cinestream backup list --to DIR` tells which there are",
        ) from None
    except OSError as error:
        raise OpsError(f"`{where}` cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise BadSpec([Fault(str(where), "is not JSON", "the backup is damaged")]) from None


def checked(folder: Stored) -> Manifest:
    """The manifest, if every file is as it says; raises `BadSpec` that names each that is not."""
    found = read(folder)
    with told_of(folder):
        there = folder.shelf.files(folder.path)
    faults = [
        Fault(str(folder / name), why, "the backup was changed or damaged: take another one")
        for name, part in sorted(found.parts.items())
        if (why := wrong(folder / name, part, there.get(name, NO_FILE)))
    ]
    faults += [
        Fault(str(folder / name), "is no part of the backup", "somebody put it there")
        for name in sorted(there.keys() - {MANIFEST, *found.parts})
    ]
    if faults:
        raise BadSpec(faults)
    return found


def wrong(where: Stored, part: Part, size: int) -> str:
    """What is wrong with the file, if anything."""
    if size == NO_FILE:
        return "is missing"
    try:
        same = size == part.size and backup_shelf.digest(where.shelf, where.path) == part.sha256
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if same else "is not what was saved: its digest differs"


def content(folder: Stored, found: Manifest, name: PartName) -> bytes:
    """The part *name*, compared once more: another machine may tell otherwise the second time."""
    here = (folder / name).content()
    if name not in found.parts or hashlib.sha256(here).hexdigest() != found.parts[name].sha256:
        hint = "the backup was changed or damaged: take another one"
        raise BadSpec([Fault(str(folder / name), "is not what was saved", hint)])
    return here


def refuse_small(shelf: Shelf, needed: int) -> None:
    """Raise `OpsError` if *needed* bytes do not fit on *shelf*, which need not be there yet."""
    with told_of(Stored(shelf)):
        free = shelf.free()
    if free is not None and needed > free:
        raise OpsError(
            f"the backup takes about {needed >> 20} MiB, and `{shelf.named()}` has "
            f"{free >> 20} MiB free",
            "make room, or name another directory with `--to`",
        )


def shelves(shelf: Shelf, site: str = "") -> list[Stored]:
    """All whole backups, of one *site* or of all; the latest last.  Raises `OpsError`."""
    with told_of(Stored(shelf)):
        return [Stored(shelf, path) for path in backup_shelf.shelved(shelf, site)]


def prune(shelf: Shelf, site: str, keep: int) -> list[Stored]:
    """Those of *site* that are gone now, as `backup_shelf.prune` says.  Raises `OpsError`."""
    try:
        return [Stored(shelf, path) for path in backup_shelf.prune(shelf, site, keep)]
    except OSError as error:
        raise OpsError(f"`{error.filename}` cannot be deleted: {error.strerror}") from None
