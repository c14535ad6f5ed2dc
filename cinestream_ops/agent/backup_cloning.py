"""
A second site out of a first: its release, data, variables and database, copied on this server.

The first is only read, while it runs, and none of it is told to the other side.
"""

from __future__ import annotations

import os
from pathlib import Path
from subprocess import PIPE
from typing import Any, Dict, List

from cinestream_ops.agent import (
    backup_data,
    backup_database,
    backup_saving,
    backup_staging,
    bytecode,
    dotenv,
    env,
    incoming,
    kit,
    sandbox,
    tars,
    trees,
)
from cinestream_ops.agent.backup_staging import Order
from cinestream_ops.agent.erase import weight
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import homes, paths


def weighed(order: Order, kit: Kit) -> Dict[str, Any]:
    """How many bytes there are to copy; `Refused` if there is no room for them."""
    was = order["from"]
    found = {"release": weight(was["release"]) if order["release"] else 0, "data": 0, "database": 0}
    if was["data"]:
        found["data"] = weight(f"{was['home']}/data")
    if was["database"]:
        told = backup_database.told(kit, do="measure", database=was["database"])
        found["database"] = told["size"]
    # A release is packed and unpacked; its environment is built anew.
    ours = 2 * found["release"] + weight(f"{was['home']}/venv/") + found["data"]
    hint = "make room there" + (", or leave the data out: `--without-data`" if was["data"] else "")
    refuse_full({paths.SITES: ours, f"{paths.MONGODB}/data": found["database"]}, was["home"], hint)
    return {**found, "moving": moving(was["user"], order["anew"])}


def refuse_full(needed: Dict[str, int], home: str, hint: str) -> None:
    """`Refused` if the disks of the folders *needed* have not so many bytes left."""
    there = [Path(path) for path in needed if Path(path).is_dir()]
    for path in there:
        disk = [each for each in there if each.stat().st_dev == path.stat().st_dev]
        total = sum(needed[str(each)] for each in disk)
        found = os.statvfs(path)
        free = found.f_bavail * found.f_frsize
        if total > free:
            raise Refused(
                f"a copy of `{home}` takes about {total >> 20} MiB, and the disk of `{path}` has "
                f"{free >> 20} MiB free",
                hint,
            )


def cloned(order: Order, kit: Kit) -> Dict[str, Any]:
    """All of it, or nothing; and whether the database was read at once."""
    return backup_staging.filled(order, kit, copied)


def copied(order: Order, kit: Kit) -> Dict[str, Any]:
    was, home, user = order["from"], order["home"], order["user"]
    content = variables(was["user"], user, order["anew"])
    backup_staging.env(f"{home}/.env", user, content)
    told: Dict[str, Any] = {"snapshot": False}
    if order["release"]:
        release(was["release"], was["user"], order["release"], kit)
    if was["data"]:
        data(was, home, user, kit)
    if was["database"]:
        asked = {"do": "copy", "database": was["database"], "to": order["database"]}
        told.update(backup_database.told(kit, **asked))
    return told


def variables(old: str, new: str, anew: Any) -> bytes:
    """
    The entries of the `.env` of the site *old*, but for those that *new* gets of its own.

    What leads to the old home leads to the new one: there the data is, or a copy of it.
    """
    kept = "".join(f"{entry}\n" for name, entry in entries(old).items() if name not in anew)
    return homes.moved(kept, old, new).encode(errors="surrogateescape")


def entries(site: str) -> Dict[str, str]:
    return dotenv.entries(env.text(f"{paths.SITES}/{site}/.env"))


def moving(old: str, anew: Any) -> List[str]:
    """The names of the variables of the site *old* that lead into its home."""
    return [
        name
        for name, entry in entries(old).items()
        if name not in anew and homes.moved(entry, old, "") != entry
    ]


def release(source: str, user: str, to: Dict[str, str], kit: Kit) -> None:
    """The release of *user* at *source*, as it came; `Refused` if it is another by now."""
    archive = packed(source, user, kit)
    if incoming.digest(archive) != to["blob"]:
        raise Refused(
            f"`{source}` is not what was deployed any longer",
            f"`cinestream deploy {user}` brings it anew",
        )
    path = Path(to["path"])
    with trees.draft(path, {"blob": to["blob"]}) as partial:
        for size in tars.unpack(archive, partial):
            kit.progress(f"release:{path}", "unpacking", size, 0)
        bytecode.put(partial, str(path), kit)
    archive.unlink()


def packed(source: str, user: str, found: Kit) -> Path:
    """The tar of a release of *user*."""
    path = kit.incoming(found.home) / "release.tar"
    properties = sandbox.of_source(str(Path(source).parents[1]), user)
    with (
        path.open("wb") as out,
        backup_data.reader("source", user, backup_saving.packing(source), properties) as child,
    ):
        path.chmod(0o600)
        for piece in child.pieces(found.stops):
            out.write(piece)
        child.end()
    return path


def data(was: Dict[str, Any], home: str, user: str, kit: Kit) -> None:
    """Copied by both users, each in its own folder."""
    with (
        backup_data.packed(was["home"], was["user"], kit) as source,
        backup_staging.unpacking(home, user, PIPE) as sink,
    ):
        sink.feed(source.pieces(kit.stops), kit.stops)
        # What it could not read says more than what the other missed.
        backup_data.ended(source)
        sink.end()
    if faults := backup_data.checked(home, user, kit):
        raise Refused(
            f"these SQLite databases were not copied whole: {backup_data.sentence(faults)}"
        )
