"""
A site that is called otherwise: what the old name has becomes the new name's, in one step.

The old site's workers run on, and find everything under the old name, until the change is kept.
Undone, nothing of the new site is left.  Data is moved, and never deleted here.
"""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import stat
from pathlib import Path
from typing import List

from cinestream_ops.agent import (
    backup_cloning,
    backup_staging,
    certificates,
    disk,
    numbers,
    users,
)
from cinestream_ops.agent.kinds import RESTORE
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.place import Place
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import homes, paths
from cinestream_ops.state.items import Heir, User
from cinestream_ops.state.steps import PUT, Step

EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)


def back(step: Step) -> List[Step]:
    return [Step(RESTORE, step.item, None, step.phase, step.site)]


def do(step: Step, kit: Kit) -> None:
    heir = step.item
    assert isinstance(heir, Heir)
    if step.verb == PUT:
        inherit(heir, kit)
    else:
        give_back(heir, kit)


def inherit(heir: Heir, kit: Kit) -> None:
    same_account(heir, kit)
    variables = backup_cloning.variables(heir.of, heir.user, heir.anew)
    backup_staging.env(f"{home(heir.user)}/.env", heir.user, variables)
    if heir.blob:
        name = release(heir)
        to = {"path": f"{home(heir.user)}/releases/{name}", "blob": heir.blob}
        backup_cloning.release(f"{home(heir.of)}/releases/{name}", heir.of, to, kit)
    move(heir)
    tell_certificates(heir.of, heir.user, kit)


def release(heir: Heir) -> str:
    """What the folder of the release is called; it is the start of its digest."""
    link = Path(home(heir.of), "src").readlink()
    if not (link.parts[:-1] == ("releases",) and heir.blob.startswith(link.name)):
        raise Refused(f"`{home(heir.of)}/src` does not lead to the release that was deployed")
    return link.name


def move(heir: Heir) -> None:
    """The data, of which no file and no handle notices anything."""
    with Place(data(heir.of)) as old, Place(data(heir.user)) as new:
        if not is_folder(old):
            raise Refused(f"`{old.path}` is not a folder")
        # In the old place it will lead to the new one.
        os.symlink(new.path, new.name, dir_fd=new.fd)
        exchange(old, new)


def same_account(heir: Heir, kit: Kit) -> None:
    """The account of the new site, made anew with the numbers of the old one's."""
    found = pwd.getpwnam(heir.of)
    users.remove(account(heir), kit)
    shared = ["--system", "--non-unique"]
    kit.run(["groupadd", *shared, "--gid", str(found.pw_gid), heir.user], timeout=60)
    ids = ["--uid", str(found.pw_uid), "--gid", str(found.pw_gid)]
    homeless = ["--no-create-home", "--home-dir", home(heir.user), "--shell", "/usr/sbin/nologin"]
    kit.run(["useradd", *shared, *ids, *homeless, heir.user], timeout=60)
    numbers.remember(kit.home, heir.user)
    # Its group has another number now; the old workers go in and out there, too.
    disk.put(homes.home(home(heir.user), heir.user))


def exchange(one: Place, other: Place) -> None:
    """What has the two names changes places, at one moment for everybody."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = (one.fd, one.name.encode(), other.fd, other.name.encode())
    if libc.renameat2(*names, EXCHANGE):
        why = os.strerror(ctypes.get_errno())
        raise Refused(f"`{one.path}` cannot become `{other.path}`: {why}")
    os.fsync(one.fd)
    os.fsync(other.fd)


def tell_certificates(old: str, new: str, kit: Kit) -> None:
    """Where nginx is told of each: a certificate whose file is not there counts as forgotten."""
    before, after = (f"{paths.NGINX}/cinestream/{name}/" for name in (old, new))
    for path in sorted((kit.home / "certificates").glob("*.json")):
        told = json.loads(path.read_text())
        if told["conf_path"].startswith(before):
            moved = after + told["conf_path"][len(before) :]
            certificates.put(path, {**told, "conf_path": moved})


def give_back(heir: Heir, kit: Kit) -> None:
    tell_certificates(heir.user, heir.of, kit)
    if Path(home(heir.user)).is_dir():
        with Place(data(heir.of)) as old, Place(data(heir.user)) as new:
            if is_folder(new) and not is_folder(old):
                exchange(old, new)
            if is_folder(new):
                raise Refused(f"`{new.path}` and `{old.path}` are both there")
        with Place(home(heir.user)) as here:
            here.discard(here.name)
    users.purge(account(heir), kit)


def is_folder(place: Place) -> bool:
    found = place.stat()
    return bool(found and stat.S_ISDIR(found.st_mode))


def account(heir: Heir) -> User:
    return User(heir.user, home(heir.user))


def home(user: str) -> str:
    return f"{paths.SITES}/{user}"


def data(user: str) -> str:
    return f"{home(user)}/data"
