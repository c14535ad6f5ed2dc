"""
The folder of a backup: written whole under a name of its own, and read with every byte checked.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cinestream_ops.errors import BadSpec, Fault, NotFound, OpsError
from cinestream_ops.spec.backup import MANIFEST, Manifest, Part, PartName, manifest, told
from cinestream_ops.spec.words import NotAllowed

NAME = re.compile(r"\d{8}T\d{6}Z")
PARTIAL = re.compile(r"\.(\d{8}T\d{6}Z)\.(?:partial|gone)")
PIECE = 1 << 20  # bytes


class Draft:
    """The folder of a backup that is being written: files in it, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: dict[PartName, Part] = {}
        self._name: PartName | None = None
        self._file: BinaryIO | None = None
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, name: str, piece: bytes) -> None:
        """*piece* at the end of the part *name*; parts come one after the other."""
        if name != self._name:
            self.close()
            self._open(part_name(name))
        assert self._file
        self._file.write(piece)
        self._digest.update(piece)
        self._size += len(piece)

    def _open(self, name: PartName) -> None:
        path = self.folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file, self._name = created(path), name
        self._digest, self._size = hashlib.sha256(), 0

    def close(self) -> None:
        """What was written last is on the disk."""
        if self._file and self._name:
            synced(self._file)
            self._file.close()
            digest = self._digest.hexdigest()
            self.parts[self._name] = Part.model_validate({"size": self._size, "sha256": digest})
        self._file = self._name = None

    def drop(self) -> None:
        if self._file:
            self._file.close()

    def count(self, name: str, documents: int) -> None:
        part = self.parts[part_name(name)]
        self.parts[part_name(name)] = part.model_copy(update={"documents": documents})

    def finish(self, of: Manifest) -> None:
        self.close()
        text = json.dumps(told(of), indent=2, ensure_ascii=False) + "\n"
        with created(self.folder / MANIFEST) as out:
            out.write(text.encode())
            synced(out)


@contextmanager
def draft(shelf: Path, name: str) -> Iterator[Draft]:
    """A folder that is called *name* on *shelf* once the block is done, and is gone otherwise."""
    shelf.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = shelf / f".{name}.partial"
    partial.mkdir(mode=0o700)
    made = Draft(partial)
    try:
        yield made
        made.close()
        for folder in (*partial.glob("**/"), partial):
            sync_folder(folder)
        partial.rename(shelf / name)
        sync_folder(shelf)
    except BaseException:
        made.drop()
        shutil.rmtree(partial, ignore_errors=True)
        raise


def part_name(name: str) -> PartName:
    """What the server calls a part: it may not lead out of the folder."""
    try:
        return PartName(name)
    except NotAllowed:
        raise OpsError(f"the server sent a file called `{name}`, which no backup has") from None


def created(path: Path) -> BinaryIO:
    """A new file at *path* that nobody else reads."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def synced(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refuse_small(folder: Path, needed: int) -> None:
    """Raise `OpsError` if *needed* bytes do not fit at *folder*, which need not be there yet."""
    while not folder.exists():
        folder = folder.parent
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    if needed > free:
        raise OpsError(
            f"the backup takes about {needed >> 20} MiB, and `{folder}` has {free >> 20} MiB free",
            "make room, or name another directory with `--to`",
        )


def read(folder: Path) -> Manifest:
    """The manifest in *folder*; raises `NotFound` or `BadSpec`."""
    path = folder / MANIFEST
    try:
        return manifest(json.loads(path.read_text()), str(path))
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"`{folder}` is not a backup: there is no `{MANIFEST}` in it",
            "`cinestream backup list --to DIR` tells which there are",
        ) from None
    except OSError as error:
        raise OpsError(f"`{path}` cannot be read: {error.strerror}") from None
    except ValueError:
        raise BadSpec([Fault(str(path), "is not JSON", "the backup is damaged")]) from None


def checked(folder: Path) -> Manifest:
    """The manifest, if every file is as it says; raises `BadSpec` that names each that is not."""
    found = read(folder)
    faults = [
        Fault(str(folder / name), why, "the backup was changed or damaged: take another one")
        for name, part in sorted(found.parts.items())
        if (why := wrong(folder / name, part))
    ]
    faults += [
        Fault(str(path), "is no part of the backup", "somebody put it there")
        for path in sorted(folder.rglob("*"))
        if not path.is_dir() and path.relative_to(folder).as_posix() not in {MANIFEST, *found.parts}
    ]
    if faults:
        raise BadSpec(faults)
    return found


def wrong(path: Path, part: Part) -> str:
    """What is wrong with the file at *path*, if anything."""
    if path.is_symlink() or not path.is_file():
        return "is missing"
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    same = digest == part.sha256 and path.stat().st_size == part.size
    return "" if same else "is not what was saved: its digest differs"


def shelves(top: Path, site: str = "") -> Iterator[Path]:
    """The folders of all whole backups below *top*, of one *site* or of all; the latest last."""
    yield from sorted(
        manifest.parent
        for manifest in top.glob(f"{site or '*'}/*/{MANIFEST}")
        if NAME.fullmatch(manifest.parent.name)
    )


def prune(top: Path, site: str, keep: int) -> list[Path]:
    """
    The folders of *site* that are gone now: all but the *keep* latest.

    So are those that were broken off before the latest was made.
    """
    found = list(shelves(top, site))
    gone = found[: max(len(found) - keep, 0)]
    try:
        for folder in gone:
            # One that is half deleted must not be taken for a whole one.
            folder.rename(folder.with_name(f".{folder.name}.gone"))
        for each in broken_off(top / site, found[-1].name if found else ""):
            shutil.rmtree(each)
    except OSError as error:
        raise OpsError(f"`{error.filename}` cannot be deleted: {error.strerror}") from None
    return gone


def broken_off(shelf: Path, before: str) -> list[Path]:
    if not shelf.is_dir():
        return []
    named = [(each, PARTIAL.fullmatch(each.name)) for each in shelf.iterdir()]
    return [each for each, match in named if match and match[1] < before]
