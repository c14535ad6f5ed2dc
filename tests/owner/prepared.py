"""
Servers on which commands have been typed before, so that a test need not wait for them again.

Each is kept in the cache of labs, under a digest of all that made it: the whole program, what it
ships, the commands, and the folders that they name.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from cinestream_ops import lab
from cinestream_ops.lab import cache as caches
from cinestream_ops.lab import locks, snapshots
from cinestream_ops.lab.recipes import Recipe
from cinestream_ops.lab.snapshots import Snapshot
from tests.owner.owner import ROOT, Owner

MAKERS = (
    *("cinestream_ops", "site_template", "nginx_templates", "systemd_templates", "requirements"),
    "pyproject.toml",
)
SECONDS = 900  # that another process of tests may take to make one


def server(owner: Owner, name: str, suite: str, *lines: str) -> lab.Lab:
    """The lab *name*, on which *owner* has typed *lines*."""
    lab.up(name, suite, snapshot=snapshot(owner, suite, lines))
    owner.types(f"lab up {name} --suite {suite}")  # it is, and *owner* gets to know it
    if lines:
        # Its database is where another server's was, by the number of the folder's inode.
        replace(owner, server=name).types("apply --yes")
    return lab.find(name)


def snapshot(owner: Owner, suite: str, lines: tuple[str, ...]) -> Snapshot | None:
    """Of a server of *suite* after *lines*, made now if need be; None of a bare one."""
    if not lines:
        return None
    key = digest(suite, lines)
    folder = caches.folder("snapshots")
    with locks.held(folder / f"{key}.lock", "the end of another set-up", SECONDS):
        return snapshots.find(key) or made(owner, suite, lines, key)


def made(owner: Owner, suite: str, lines: tuple[str, ...], key: str) -> Snapshot:
    name = f"make-{key[:12]}"
    server(owner, name, suite, *lines[:-1])
    try:
        replace(owner, server=name).types(lines[-1])
    except BaseException:
        lab.down(name)
        raise
    return lab.keep(name, key)


def digest(suite: str, lines: tuple[str, ...]) -> str:
    folders = (Path(word) for line in lines for word in shlex.split(line) if word.startswith("/"))
    told = (Recipe(suite).name, lines, program(), *map(content, folders))
    return hashlib.sha256(repr(told).encode()).hexdigest()[:24]


@cache
def program() -> str:
    """Of everything that a command of this checkout could do or send."""
    return hashlib.sha256("".join(content(ROOT / maker) for maker in MAKERS).encode()).hexdigest()


def content(top: Path) -> str:
    """The digest of a file, or of a folder's files with their names."""
    told = hashlib.sha256()
    for path in [top] if top.is_file() else files(top):
        told.update(f"{path.relative_to(top)}\0".encode() + path.read_bytes() + b"\0")
    return told.hexdigest()


def files(top: Path) -> Iterator[Path]:
    for folder, names, found in os.walk(top):
        names[:] = sorted(name for name in names if name != "__pycache__")
        yield from (Path(folder, name) for name in sorted(found))
