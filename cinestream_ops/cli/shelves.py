"""
Where backups are kept, as the owner names it: here, on the server, or where else SSH reaches.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cinestream_ops.agent.backup_shelf import Directory
from cinestream_ops.channel import inventory
from cinestream_ops.channel.target import Target
from cinestream_ops.cli import confirm
from cinestream_ops.engine.backups_folder import Shelf, Stored
from cinestream_ops.errors import NotFound, OpsError
from cinestream_ops.spec.saving import SHELF

URL = re.compile(r"ssh://(?P<place>[^/]+)(?P<path>/.*)")
# As scp(1) has it: a colon before the first slash.
SHORT = re.compile(r"(?P<place>(?:[^/:@]+@)?(?:\[[^]/]*\]|[^/:\[]+)):(?P<path>.*)")
HINT = "write it as in `me@nas:backups` or `ssh://me@nas:2222/srv/backups`"


# What the place is called that a schedule saves to; seen there by root.
ON_SERVER = "server"


@contextmanager
def opened(where: str, server: str = "") -> Iterator[Shelf]:
    """The shelf at *where*, for as long as the block lasts; *server* is the one in `--server`."""
    place, path = parted(where)
    if not place:
        yield Directory(Path(where).expanduser())
    elif place == ON_SERVER:
        with on_server(path, server) as shelf:
            yield shelf
    else:
        with reached(target(where, place), path, where) as shelf:
            yield shelf


def parted(where: str) -> tuple[str, str]:
    """The machine and the directory in *where*; no machine is this one."""
    found = (URL if where.startswith("ssh://") else SHORT).fullmatch(where)
    if found:
        return found["place"], found["path"] or (SHELF if found["place"] == ON_SERVER else ".")
    if where.startswith("ssh://"):
        raise OpsError(f"`{where}` does not name a directory", HINT)
    return "", where


@contextmanager
def folder(where: str, server: str = "") -> Iterator[Stored]:
    """The one backup at *where*."""
    with opened(where, server) as shelf:
        yield Stored(shelf)


@contextmanager
def on_server(path: str, server: str) -> Iterator[Shelf]:
    there = inventory.resolve(server, os.environ)
    if there.local:
        yield Directory(Path(path))
        return
    with reached(there, path, f"{ON_SERVER}:{path}", root=True) as shelf:
        yield shelf


def target(where: str, place: str) -> Target:
    """The machine that *place* names: one that is known, or an address."""
    try:
        found = inventory.resolve(place, os.environ)
    except NotFound as error:
        raise NotFound(
            f"{error}, which `{where}` names",
            f"`USER@{place}:DIR` is any machine, `./{where}` a directory on this one",
        ) from None
    if found.local:
        raise OpsError(f"`{where}` is on this machine", "name the directory alone")
    return found


@contextmanager
def reached(there: Target, path: str, where: str, *, root: bool = False) -> Iterator[Shelf]:
    from cinestream_ops.channel.sftp import sftp
    from cinestream_ops.engine.backups_sftp import Sftp

    with sftp(there, confirm.host_key, confirm.passphrase, root=root) as client:
        yield Sftp(client, path, where)
