"""
The data of a site: packed while the site writes to it, and its SQLite databases checked.

All of it is done by `data_program`, in a sandbox; root reads none of it.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, List, Union

from cinestream_ops.agent import backup_child, data_program, kit, sandbox
from cinestream_ops.agent.backup_child import Child
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused

MOST, LONGEST = 100, 300  # faults that are told, and letters of each
LARGEST = 16 << 20  # bytes of what a check says

Faults = List[Dict[str, str]]


@contextmanager
def packed(home: str, user: str, kit: Kit) -> Iterator[Child]:
    """What packs the data at *home* to its stdout; `ended` tells why it did not."""
    with scratch(kit) as copy:
        properties = sandbox.of_packing(home, user, str(copy))
        argv = program("pack", f"{home}/data", str(copy))
        with reader("data", user, argv, properties) as child:
            yield child


def checked(home: str, user: str, kit: Kit) -> Faults:
    """The faults of each database in the data at *home*, which nobody writes to yet."""
    properties = sandbox.of_unpacking(home, user)
    with reader("data", user, program("check", f"{home}/data"), properties) as child:
        return heard(child, kit)


def inspected(archive: Path, kit: Kit) -> Faults:
    """The faults of each database in *archive*, which nobody's account can read."""
    with scratch(kit) as copy, archive.open("rb") as stdin:
        properties, argv = sandbox.of_inspecting(str(copy)), program("inspect", str(copy))
        with reader("archive", "root", argv, properties, stdin) as child:
            return heard(child, kit)


def program(*words: str) -> List[str]:
    name = data_program.__name__
    text = data_program.__spec__.loader.get_source(name)  # type: ignore[union-attr]
    return [sys.executable, "-I", "-S", "-c", text, *words]


@contextmanager
def scratch(found: Kit) -> Iterator[Path]:
    """
    An empty file, for one database at a time.

    No folder: whoever is the same user could put there what is hard to remove.  Of an agent that
    was killed, it goes with what else came in.
    """
    path = kit.incoming(found.home) / "database"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    # The folder is root's own: nobody gets there but the unit that is shown this file.
    path.chmod(0o666)
    try:
        yield path
    finally:
        path.unlink()


@contextmanager
def reader(
    what: str,
    user: str,
    argv: List[str],
    properties: sandbox.Properties,
    stdin: Union[BinaryIO, int, None] = None,
) -> Iterator[Child]:
    """*argv*, which reads *what* of the site of *user*, and is given nothing to read besides."""
    with Path(os.devnull).open("rb") as nothing:
        given = nothing if stdin is None else stdin
        with backup_child.of_site(f"read-{what}", user, argv, properties, given) as child:
            yield child


def ended(child: Child) -> None:
    """It is at its end; `Refused` in its own words if it could not do all."""
    if child.end((0, data_program.REFUSED)):
        why, _, hint = child.words().partition("\n")
        raise Refused(why, hint)


def heard(child: Child, kit: Kit) -> Faults:
    """What is told line by line; it may have been told by the site."""
    told = bytearray()
    for piece in child.pieces(kit.stops):
        told += piece
        if len(told) > LARGEST:
            raise Refused("the check of the SQLite databases says far too much")
    ended(child)
    try:
        found: List[Dict[str, Any]] = [json.loads(line) for line in told.split(b"\n") if line]
        wrong = [(str(each["path"]), "; ".join(map(str, each["faults"]))) for each in found]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused("the check of the SQLite databases told nonsense") from None
    return [{"path": path[:LONGEST], "why": why[:LONGEST]} for path, why in wrong if why][:MOST]


def sentence(faults: Faults) -> str:
    return "; ".join(f"`{each['path']}`: {each['why']}" for each in faults)
