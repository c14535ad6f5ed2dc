"""
Files, folders and links on this machine: looked at, replaced whole, put back.

It may not write a part of a file, nor through a link that is not root's own.
"""

from __future__ import annotations

import os
import stat
from typing import Any, Callable, Dict, List, Sequence

from cinestream_ops.agent import acl, place
from cinestream_ops.agent.kinds import RESTORE
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.place import Place
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import items
from cinestream_ops.state.items import Absent, Directory, Fact, File, Item, Symlink
from cinestream_ops.state.steps import PUT, Step

NAMES = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


def look(found: Sequence[Item]) -> Dict[str, Fact]:
    return {item.key: fact(item) for item in found}


def fact(item: Item) -> Fact:
    return standing(item, told)


def standing(item: Item, tell: Callable[[Any, Place, os.stat_result], Fact]) -> Fact:
    """What *tell* says of what stands at the place of *item*; None if nothing does."""
    try:
        with Place(item.name) as here:
            found = here.stat()
            return tell(item, here, found) if found else None
    except FileNotFoundError:
        return None
    except Refused:
        return {"other": "place behind a link"}


def told(item: Item, here: Place, found: os.stat_result) -> Fact:
    """The fact of *item*; something of another sort is told by its name alone."""
    sort = stat.S_IFMT(found.st_mode)
    if isinstance(item, Absent):
        return {"present": True}
    if isinstance(item, Symlink) and sort == stat.S_IFLNK:
        return {"target": here.link()}
    if isinstance(item, Directory) and sort == stat.S_IFDIR:
        return mark(here, found)
    if isinstance(item, File) and sort == stat.S_IFREG:
        return {"digest": items.digest(here.content()), **place.mark(found)}
    return other(found)


def mark(here: Place, found: os.stat_result) -> Dict[str, Any]:
    """What `place.mark` tells, and of a folder its access control list, if it has one."""
    listed = acl.read(here.handle) if stat.S_ISDIR(found.st_mode) else ""
    return {**place.mark(found), **({"acl": listed} if listed else {})}


def other(found: os.stat_result) -> Fact:
    """Something is there, of a sort that nobody expects."""
    return {"other": NAMES.get(stat.S_IFMT(found.st_mode), "special file")}


def do(step: Step, kit: Kit) -> None:  # noqa: ARG001 -- every kind is done with a kit
    """Put, remove or restore; what was there is kept beside it until it is swept."""
    here = Place(step.item.name)
    putting = step.verb == PUT and not isinstance(step.item, Absent)
    try:
        with here:
            if step.verb == RESTORE:
                restore(here, step)
            elif putting:
                PUTS[step.item.kind](here, step.item)
            else:
                remove(here, step.item)
    except FileNotFoundError:
        refuse_orphan(here, wanted=putting or bool(step.before))


def refuse_orphan(here: Place, *, wanted: bool) -> None:
    """Without its folder, a name is as absent as can be; only presence cannot be had."""
    if wanted:
        raise Refused(f"`{here.folder}` is not there, so `{here.name}` cannot be put into it")


def put(item: Item) -> None:
    """Make *item*, keeping nothing for a way back: for what is done outside a transaction."""
    with Place(item.name) as here:
        PUTS[item.kind](here, item)
        here.discard_kept()


def put_file(here: Place, item: File) -> None:
    refuse_folder(here)
    here.keep()
    here.write(item.content, item.mode, item.owner, item.group)


def put_symlink(here: Place, item: Symlink) -> None:
    refuse_folder(here)
    here.keep()
    here.point(item.target)


def put_directory(here: Place, item: Directory) -> None:
    if not here.stat():
        os.mkdir(here.name, 0o700, dir_fd=here.fd)
    set_mark(here, item.mark)
    os.fsync(here.fd)


PUTS: Dict[str, Callable[..., None]] = {
    "file": put_file,
    "symlink": put_symlink,
    "directory": put_directory,
}


def set_mark(here: Place, wanted: Dict[str, Any]) -> None:
    """As `mark` tells it; at no moment is anybody kept out who may come in before and after."""
    uid, gid = place.owner_id(wanted["owner"]), place.group_id(wanted["group"])
    try:
        fd = os.open(here.name, place.FOLDER | os.O_NOFOLLOW, dir_fd=here.fd)
    except OSError:
        raise Refused(f"`{here.path}` is not a folder") from None
    try:
        if listed := wanted.get("acl"):
            acl.write(fd, listed, here.path)
        place.own(fd, uid, gid)
        if not listed:
            acl.remove(fd)
        os.fchmod(fd, wanted["mode"])
    finally:
        os.close(fd)


def refuse_folder(here: Place) -> None:
    found = here.stat()
    if found and stat.S_ISDIR(found.st_mode):
        raise Refused(f"`{here.path}` is a folder", "move it away, and try again")


def remove(here: Place, item: Item) -> None:
    """Set it aside; a folder that holds what is not ours stays, unless all of it is meant."""
    found = here.stat()
    if not found:
        return
    if item.kind == "tree":
        # For good, and told if it is not: what is set aside is swept without a word.
        refuse_shallow(here)
        here.discard(here.name)
        return
    if item.kind != "directory":
        refuse_folder(here)
    elif not stat.S_ISDIR(found.st_mode) or others(here):
        return
    here.set_aside()


def others(here: Place) -> List[str]:
    """What is in the folder, beside what a way back keeps there."""
    fd = os.open(here.name, place.FOLDER | os.O_NOFOLLOW, dir_fd=here.fd)
    try:
        with os.scandir(fd) as found:
            return [each.name for each in found if not each.name.endswith(place.WAS)]
    finally:
        os.close(fd)


def refuse_shallow(here: Place) -> None:
    if here.path.count("/") < 3 or not stat.S_ISDIR(getattr(here.stat(), "st_mode", 0)):
        raise Refused(f"`{here.path}` is not a folder that may be removed with all that is in it")


def back(step: Step) -> List[Step]:
    """The one step that brings back what is there now; leftovers of an older one are removed."""
    try:
        with Place(step.item.name) as here:
            here.discard_kept()
            found = here.stat()
            # Nothing of a file's content: the kept file itself is what comes back.
            before = mark(here, found) if found else None
    except FileNotFoundError:
        before = None
    return [Step(RESTORE, step.item, before, step.phase, step.site)]


def restore(here: Place, step: Step) -> None:
    here.discard(here.draft)
    if step.before is None:
        forget(here)
    else:
        here.bring_back()
        if isinstance(step.item, Directory):
            set_mark(here, step.before)
    os.fsync(here.fd)


def forget(here: Place) -> None:
    """Nothing was here; what a program has put into a folder of this change goes with it."""
    here.discard(here.name)
    here.discard(here.was)


def sweep(step: Step) -> None:
    try:
        with Place(step.item.name) as here:
            here.discard_kept()
    except FileNotFoundError:
        pass
