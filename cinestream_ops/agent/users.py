"""
System accounts: one for each site, without a password or a shell.

An account that was there before us is never changed.
"""

from __future__ import annotations

import grp
import pwd
from typing import Dict, Optional, Sequence

from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Fact, User
from cinestream_ops.state.steps import REMOVE, Step


def look(items: Sequence[User]) -> Dict[str, Fact]:
    return {item.key: account(item.login) for item in items}


def account(login: str) -> Fact:
    home = home_of(login)
    return {"home": home} if home is not None and is_whole(login) else None


def home_of(login: str) -> Optional[str]:
    try:
        return pwd.getpwnam(login).pw_dir
    except KeyError:
        return None


def is_whole(login: str) -> bool:
    """Not so if a power cut came into useradd(8), which writes its group after the account."""
    try:
        grp.getgrgid(pwd.getpwnam(login).pw_gid)
    except KeyError:
        return False
    return True


def do(step: Step, kit: Kit) -> None:
    user = step.item
    assert isinstance(user, User)
    if step.verb == REMOVE:
        purge(user, kit)
    else:
        add(user, kit)


def add(user: User, kit: Kit) -> None:
    home = home_of(user.login)
    if home is not None:
        refuse_stranger(user, home)
        if is_whole(user.login):
            return
        remove(user, kit)
    from cinestream_ops.agent import numbers  # a look needs none

    uid, gid = numbers.numbers(kit.home, user.login)
    # A group of that name that stands alone (left by `userdel`) becomes the account's own.
    if not has_group(user.login):
        kit.run(["groupadd", "--system", "--gid", str(gid), user.login], timeout=60)
    argv = ["useradd", "--system", "--uid", str(uid), "--gid", user.login, "--no-create-home"]
    shell = ["--home-dir", user.home, "--shell", "/usr/sbin/nologin"]
    kit.run([*argv, *shell, user.login], timeout=60)
    numbers.remember(kit.home, user.login)


def refuse_stranger(user: User, home: str) -> None:
    if home != user.home:
        raise Refused(
            f"the account `{user.login}` is there already, with its home at `{home}`",
            "choose another name, or remove the account if nobody needs it",
        )


def purge(user: User, kit: Kit) -> None:
    """The account with all that it has outside its home, which is gone by now."""
    from cinestream_ops.agent import numbers, remains

    remains.clear(user.login, kit)
    remove(user, kit)
    numbers.forget(kit.home, user.login)


def remove(user: User, kit: Kit) -> None:
    if home_of(user.login) is not None:
        # Else it stays while processes of its number run: those of a site with a new name.
        kit.run(["userdel", "--force", user.login], timeout=60)
    if has_group(user.login):
        # Else it stays while somebody of its number is there: the site that is to have a new name.
        kit.run(["groupdel", "--force", user.login], timeout=60)


def has_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True
