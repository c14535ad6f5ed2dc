"""
What a backup holds, put where a new site will find it: its data, its `.env`, its database.

It is put where nothing stands, and a site takes it over as it would what an earlier one left.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator

from cinestream_ops.agent import backup_child, backup_database, lock, mongodb, users
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Database, User
from cinestream_ops.state.steps import PUT, REMOVE, Step

MARKS = "restoring"
NAMELESS = "choose another name with `--as`, or remove what is left there"


def occupied(order: Dict[str, Any], kit: Kit) -> Dict[str, Any]:
    """Whether anything stands where *order* would put something; `Refused` tells what."""
    if not broken_off(order, kit):
        refuse_occupied(order, kit)
    return {}


def broken_off(order: Dict[str, Any], kit: Kit) -> bool:
    """
    Whether what stands there was put there by a restore that came to no end.

    A link to a release is made by the change that makes a site of it, and stays in its home.
    """
    return mark(order, kit).exists() and not os.path.lexists(f"{order['home']}/src")


def refuse_occupied(order: Dict[str, Any], kit: Kit) -> None:
    if os.path.lexists(order["home"]):
        raise Refused(f"`{order['home']}` is there, left by an earlier site", NAMELESS)
    database = order["database"]
    if database and backup_database.told(kit, do="measure", database=database)["collections"]:
        raise Refused(f"there is a MongoDB database `{database}` already", NAMELESS)


def staged(order: Dict[str, Any], kit: Kit) -> Dict[str, Any]:
    """All of it, or nothing."""
    with alone(order, kit):
        occupied(order, kit)
        if broken_off(order, kit):
            remove(order, kit)
        new = users.account(order["user"]) is None
        mark(order, kit).parent.mkdir(mode=0o700, exist_ok=True)
        mark(order, kit).touch(0o600)
        try:
            put(order, kit)
        except BaseException:
            with kit.stops.shut():
                remove({**order, "new_user": new}, kit)
            raise
        if not order["deployed"]:
            mark(order, kit).unlink()
    return {"new_user": new}


def settled(order: Dict[str, Any], kit: Kit) -> Dict[str, Any]:
    """What was staged is a site's now."""
    if mark(order, kit).exists():
        mark(order, kit).unlink()
    return {}


def cleared(order: Dict[str, Any], kit: Kit) -> Dict[str, Any]:
    """What was staged, gone again."""
    with alone(order, kit):
        remove(order, kit)
    return {}


@contextmanager
def alone(order: Dict[str, Any], kit: Kit) -> Iterator[None]:
    holder = {"who": order["who"], "doing": order["doing"], "since": time.time()}
    holder["pid"] = os.getpid()

    def waiting(whom: str) -> None:
        kit.tell("waiting", **{"for": whom})

    with lock.held(kit.home, holder, order["wait"], waiting):
        yield


def mark(order: Dict[str, Any], kit: Kit) -> Path:
    """Is there until a site has taken over what was staged: what stands then is nobody's yet."""
    return Path(kit.home, MARKS, order["user"])


def put(order: Dict[str, Any], kit: Kit) -> None:
    home, user = order["home"], order["user"]
    users.do(Step(PUT, User(user, home)), kit)
    Path(home).mkdir(0o711)
    Path(home, "data").mkdir(0o700)
    env(f"{home}/.env", user, kit)
    shutil.chown(f"{home}/data", user, user)
    unpack(f"{home}/data", user, kit.blob_path(order["data"]))
    # Only now: whoever has it could lead root elsewhere with a link.
    shutil.chown(home, user, "www-data")
    Path(home).chmod(0o750)
    if order["database"]:
        load = backup_database.with_paths(order["collections"], kit)
        backup_database.told(kit, do="load", database=order["database"], load=load)


def env(path: str, user: str, kit: Kit) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(kit.blob("secret:env"))
    shutil.chown(path, user, user)


def unpack(folder: str, user: str, archive: Path) -> None:
    """As the site's user, who can write nowhere else, whatever the archive says."""
    argv = ["tar", "--extract", "--preserve-permissions", f"--directory={folder}", "--file=-"]
    with archive.open("rb") as stdin, backup_child.started(argv, stdin, user) as child:
        child.end()


def remove(order: Dict[str, Any], kit: Kit) -> None:
    if os.path.lexists(order["home"]):
        shutil.rmtree(order["home"])
    if order["database"]:
        mongodb.drop_database(Database(order["database"]))
    if order.get("new_user"):
        users.do(Step(REMOVE, User(order["user"], order["home"])), kit)
    if mark(order, kit).exists():
        mark(order, kit).unlink()
