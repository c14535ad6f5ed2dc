"""
What belongs to a site, put where the site will find it: its data, its `.env`, its database.

It comes out of a backup, or of another site.  It is put where nothing stands, and a site takes it
over as it would what an earlier one left.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterator, Union

from cinestream_ops.agent import (
    backup_child,
    backup_data,
    backup_database,
    disk,
    leftovers,
    lock,
    mongodb,
    recover,
    remains,
    sandbox,
    users,
)
from cinestream_ops.agent.backup_child import Child
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.place import Place
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import homes
from cinestream_ops.state.items import Database, Directory, User
from cinestream_ops.state.steps import PUT, REMOVE, Step

MARKS = "restoring"
NAMELESS = "choose another name, or remove what is left there"

Order = Dict[str, Any]


def occupied(order: Order, kit: Kit) -> Dict[str, Any]:
    """Whether anything stands where *order* would put something; `Refused` tells what."""
    leftovers.refuse(kit.home, order["user"], order["database"])
    if not broken_off(order, kit):
        refuse_occupied(order, kit)
    return {}


def broken_off(order: Order, kit: Kit) -> bool:
    """
    Whether what stands there was put there by a restore that came to no end.

    A link to a release is made by the change that makes a site of it, and stays in its home.
    """
    return mark(order, kit).exists() and not os.path.lexists(f"{order['home']}/src")


def refuse_occupied(order: Order, kit: Kit) -> None:
    if os.path.lexists(order["home"]):
        raise Refused(f"`{order['home']}` is there, left by an earlier site", NAMELESS)
    refuse_stranger(order)
    database = order["database"]
    if database and backup_database.told(kit, do="measure", database=database)["collections"]:
        raise Refused(f"there is a MongoDB database `{database}` already", NAMELESS)


def refuse_stranger(order: Order) -> None:
    if found := users.account(order["user"]):
        users.refuse_stranger(User(order["user"], order["home"]), found["home"])


def staged(order: Order, kit: Kit) -> Dict[str, Any]:
    """What the blobs of *order* hold, all of it or nothing."""
    return filled(order, kit, unpacked)


def filled(order: Order, kit: Kit, fill: Callable[[Order, Kit], Dict[str, Any]]) -> Dict[str, Any]:
    """A home that *fill* puts everything into, and what it tells; after a failure nothing."""
    with alone(order, kit):
        occupied(order, kit)
        if broken_off(order, kit):
            remove(order, kit)
        new = users.account(order["user"]) is None
        mark(order, kit).parent.mkdir(mode=0o700, exist_ok=True)
        mark(order, kit).touch(0o600)
        try:
            told = put(order, kit, fill)
        except BaseException:
            with kit.stops.shut():
                remove({**order, "new_user": new}, kit)
            raise
        if not order["deployed"]:
            unmark(order, kit)
    return {**told, "new_user": new}


def settled(order: Order, kit: Kit) -> Dict[str, Any]:
    """What was staged is a site's now."""
    unmark(order, kit)
    return {}


def unmark(order: Order, kit: Kit) -> None:
    if mark(order, kit).exists():
        mark(order, kit).unlink()


def cleared(order: Order, kit: Kit) -> Dict[str, Any]:
    """What was staged, gone again."""
    with alone(order, kit):
        remove(order, kit)
    return {}


@contextmanager
def alone(order: Order, kit: Kit) -> Iterator[None]:
    holder = {"who": order["who"], "doing": order["doing"], "since": time.time()}
    holder["pid"] = os.getpid()

    def waiting(whom: str) -> None:
        kit.tell("waiting", **{"for": whom})

    with lock.held(kit.home, holder, order["wait"], waiting):
        recover.refuse_unfinished(kit.home)
        yield


def mark(order: Order, kit: Kit) -> Path:
    """Is there until a site has taken over what was staged: what stands then is nobody's yet."""
    return Path(kit.home, MARKS, order["user"])


def put(order: Order, kit: Kit, fill: Callable[[Order, Kit], Dict[str, Any]]) -> Dict[str, Any]:
    home, user = order["home"], order["user"]
    users.do(Step(PUT, User(user, home)), kit)
    disk.put(homes.home(home, user))
    disk.put(Directory(f"{home}/data", 0o700, user, user))
    return fill(order, kit)


def unpacked(order: Order, kit: Kit) -> Dict[str, Any]:
    home, user = order["home"], order["user"]
    env(f"{home}/.env", user, kit.blob("secret:env"))
    unpack(home, user, kit.blob_path(order["data"]))
    faults = backup_data.checked(home, user, kit)
    if order["database"]:
        load = backup_database.with_paths(order["collections"], kit)
        backup_database.told(kit, do="load", database=order["database"], load=load)
    return {"faults": faults}


def env(path: str, user: str, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
    shutil.chown(path, user, user)


def unpack(home: str, user: str, archive: Path) -> None:
    """As the site's user, who can write nowhere else, whatever the archive says."""
    with archive.open("rb") as stdin, unpacking(home, user, stdin) as child:
        child.end()


@contextmanager
def unpacking(home: str, user: str, stdin: Union[BinaryIO, int]) -> Iterator[Child]:
    argv = [
        "tar",
        "--extract",
        "--preserve-permissions",
        "--warning=no-unknown-keyword",
        f"--directory={home}/data",
        "--file=-",
    ]
    properties = sandbox.of_unpacking(home, user)
    with backup_child.of_site("unpack", user, argv, properties, stdin) as child:
        yield child


def remove(order: Order, kit: Kit) -> None:
    if order.get("new_user"):
        remains.clear(order["user"], kit)
    if os.path.lexists(order["home"]):
        with Place(order["home"]) as here:
            here.discard(here.name)
    if order["database"]:
        mongodb.drop_database(Database(order["database"]))
    if order.get("new_user"):
        users.do(Step(REMOVE, User(order["user"], order["home"])), kit)
    unmark(order, kit)
