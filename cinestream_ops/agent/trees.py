"""
Trees that are made once and never changed, each with a marker that is written last.

A tree without its marker is half-made and counts as absent.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Sequence

from cinestream_ops.agent.place import Place
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Fact

MARKER = ".cinestream.json"


def look(items: Sequence[Any]) -> Dict[str, Fact]:
    return {item.key: mark(item.path) for item in items}


def mark(path: str) -> Fact:
    """What the marker of the tree at *path* says; a tree that anybody else has made has none."""
    try:
        with Place(f"{path}/{MARKER}") as here:
            owners = {os.fstat(here.fd).st_uid, getattr(here.stat(), "st_uid", None)}
            found = json.loads(here.content()) if owners <= {0, os.geteuid()} else None
    except (OSError, ValueError, Refused):
        return None
    return found if isinstance(found, dict) else None


def set_mark(path: Path, found: Dict[str, Any]) -> None:
    # All of the tree must be on the disk before the word that it is.
    os.sync()
    with (path / MARKER).open("w") as out:
        json.dump(found, out)
        out.flush()
        os.fsync(out.fileno())


def remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        # Cut short, it must not be taken for a whole one.
        (path / MARKER).unlink(missing_ok=True)
        with Place(str(path)) as here:
            here.discard(here.name)


def clear(path: Path) -> None:
    """Remove *path*, and what a crash left of it beside it."""
    for name in (path.name, f".{path.name}.partial", f".{path.name}.old"):
        remove(path.with_name(name))


def parents(path: Path) -> None:
    """The folders above *path*, open to all, however narrow our own umask is."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)


@contextmanager
def draft(path: Path, found: Dict[str, Any]) -> Iterator[Path]:
    """An empty folder beside *path* that takes its place, marked, if all goes well."""
    parents(path)
    partial = path.with_name(f".{path.name}.partial")
    remove(partial)
    partial.mkdir()
    partial.chmod(0o755)
    try:
        yield partial
        set_mark(partial, found)
        with aside(path):
            partial.rename(path)
    except BaseException:
        remove(partial)
        raise


@contextmanager
def aside(path: Path) -> Iterator[None]:
    """Make room at *path*; what was there comes back unless all goes well."""
    old = path.with_name(f".{path.name}.old")
    if old.exists() and mark(str(path)) is None:  # a crash came between the two names
        remove(path)
        old.rename(path)
    remove(old)
    if path.exists():
        path.rename(old)
    try:
        yield
    except BaseException:
        remove(path)
        if old.exists():
            old.rename(path)
        raise
    remove(old)
