"""
Servers' disks as they were once, kept in the cache for other labs to begin with.

A snapshot is one layer of an overlay: it needs those that its server stood on.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cinestream_ops.lab import cache, commands
from cinestream_ops.lab.homes import Home
from cinestream_ops.lab.machine import Machine

DAY = 86_400  # seconds
SECONDS = 300  # that a disk may take from one file system to another


@dataclass(frozen=True)
class Snapshot:
    """*layers* are the folders of it and of the snapshots below it, the topmost first."""

    folder: Path
    layers: tuple[str, ...]


def find(key: str) -> Snapshot | None:
    """The snapshot *key*, with all that it stands on; None if anything of it is missing."""
    folder = cache.folder("snapshots") / key
    try:
        layers = tuple(json.loads((folder / "layers.json").read_text()))
    except FileNotFoundError:
        return None
    if not all(Path(layer).is_dir() for layer in layers):
        return None
    for layer in layers:
        os.utime(Path(layer).parent)
    return Snapshot(folder, layers)


def save(key: str, machine: Machine) -> Snapshot:
    """The disk of *machine*, which is off and loses it; the list of layers is written last."""
    folder = cache.folder("snapshots") / key
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    disk = folder / "disk"
    commands.output("mv", "-T", str(machine.upper), str(disk), seconds=SECONDS)
    for path in key_files(machine.home):
        shutil.copy2(path, folder)
    layers = (str(disk), *map(str, machine.snapshots))
    (folder / "layers.json").write_text(json.dumps(layers))
    return Snapshot(folder, layers)


def give_keys(snapshot: Snapshot, home: Home) -> None:
    """The lab at *home* is let in, and vouched for, as the one that the snapshot was taken of."""
    for path in key_files(home):
        shutil.copy2(snapshot.folder / path.name, path)


def key_files(home: Home) -> tuple[Path, ...]:
    pairs = (home.identity, home.host_key)
    public = (path.with_name(f"{path.name}.pub") for path in pairs)
    return (*pairs, *public, home.authority, home.authority_key)


def prune(keep: Iterable[str]) -> None:
    """Remove those that nobody has begun with for a day, unless a lab stands on them."""
    kept = {Path(layer).parent for layer in keep}
    for folder in cache.folder("snapshots").iterdir():
        if folder not in kept and folder.stat().st_mtime < time.time() - DAY:
            shutil.rmtree(folder, ignore_errors=True)
