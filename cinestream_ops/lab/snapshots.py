"""
Servers' disks as they were once, kept in the cache for other labs to begin with.

Each lab gets a copy.  A snapshot that is a lower layer of its overlay would save that copy, and
change the numbers of its inodes behind the server's back (overlayfs: "Inode properties").
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from cinestream_ops.lab import cache, commands
from cinestream_ops.lab.homes import Home
from cinestream_ops.lab.machine import Machine

HOUR, DAY = 3600, 86_400  # seconds
MANY = 12  # more than that are removed sooner: each takes a gigabyte
SECONDS = 300  # that a disk may take to be copied


@dataclass(frozen=True)
class Snapshot:
    """What a server's disk had beside the root below it, and its keys."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk"


def find(key: str) -> Snapshot | None:
    """The snapshot *key*; None if there is none."""
    snapshot = Snapshot(cache.folder("snapshots") / key)
    if not snapshot.folder.is_dir():
        return None
    os.utime(snapshot.folder)
    return snapshot


def save(key: str, machine: Machine) -> Snapshot:
    """The disk of *machine*, which is off and loses it; a broken-off one is no snapshot."""
    snapshot = Snapshot(cache.folder("snapshots") / key)
    draft = Snapshot(snapshot.folder.with_suffix(".draft"))
    for folder in (draft.folder, snapshot.folder):
        shutil.rmtree(folder, ignore_errors=True)
    draft.folder.mkdir(mode=0o700)
    commands.output("mv", "-T", str(machine.upper), str(draft.disk), seconds=SECONDS)
    for path in key_files(machine.home):
        shutil.copy2(path, draft.folder)
    draft.folder.rename(snapshot.folder)
    return snapshot


def give(snapshot: Snapshot, machine: Machine) -> None:
    """The machine's disk is as that in the snapshot, and it is let in by the same keys."""
    disk, upper = str(snapshot.disk), str(machine.upper)
    commands.output("cp", "--archive", "--sparse=always", "-T", disk, upper, seconds=SECONDS)
    for path in key_files(machine.home):
        shutil.copy2(snapshot.folder / path.name, path)


def key_files(home: Home) -> tuple[Path, ...]:
    pairs = (home.identity, home.host_key)
    public = (path.with_name(f"{path.name}.pub") for path in pairs)
    return (*pairs, *public, home.authority, home.authority_key)


def prune() -> None:
    """Remove those that nobody has begun with for a day, or for an hour where there are many."""
    folders = [each for each in cache.folder("snapshots").iterdir() if each.is_dir()]
    folders.sort(key=used, reverse=True)
    for number, folder in enumerate(folders):
        if time.time() - used(folder) > (DAY if number < MANY else HOUR):
            shutil.rmtree(folder, ignore_errors=True)


def used(folder: Path) -> float:
    """When somebody began with it; long ago if somebody else has just removed it."""
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0
