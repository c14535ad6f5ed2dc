"""
System accounts: one for each site, without a password or a shell.

An account that was there before us is never changed.
"""

from __future__ import annotations

import grp
import pwd
from typing import Dict, Sequence

from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Fact, User
from cinestream_ops.state.steps import REMOVE, Step


def look(items: Sequence[User]) -> Dict[str, Fact]:
    return {item.key: account(item.login) for item in items}


def account(login: str) -> Fact:
    try:
        return {"home": pwd.getpwnam(login).pw_dir}
    except KeyError:
        return None


def do(step: Step, kit: Kit) -> None:
    user = step.item
    assert isinstance(user, User)
    if step.verb == REMOVE:
        remove(user, kit)
    else:
        add(user, kit)


def add(user: User, kit: Kit) -> None:
    found = account(user.login)
    if found is not None:
        refuse_stranger(user, found["home"])
        return
    # A group of that name that stands alone (left by `userdel`) becomes the account's own.
    group = ["--gid", user.login] if has_group(user.login) else ["--user-group"]
    argv = ["useradd", "--system", *group, "--no-create-home", "--home-dir", user.home]
    kit.run([*argv, "--shell", "/usr/sbin/nologin", user.login], timeout=60)


def refuse_stranger(user: User, home: str) -> None:
    if home != user.home:
        raise Refused(
            f"the account `{user.login}` is there already, with its home at `{home}`",
            "choose another name, or remove the account if nobody needs it",
        )


def remove(user: User, kit: Kit) -> None:
    if account(user.login) is not None:
        # Else it stays while processes of its number run: those of a site with a new name.
        kit.run(["userdel", "--force", user.login], timeout=60)
    if has_group(user.login):
        kit.run(["groupdel", user.login], timeout=60)


def has_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True
