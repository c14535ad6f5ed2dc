"""
The numbers of sites' accounts: given once, and to nobody else afterwards.

A file that a site left somewhere belongs to its number, and so does a process that outlived it.
The file here remembers the next number, and whose each is until the site is purged: the account
that comes back to a site's name comes back to the number that its data has.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from cinestream_ops.agent import disk
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import File

RECORD = "numbers.json"
# What no tool gives away by itself.  Of system accounts, whose logs are the system's: adduser(8)
# begins at 100 and useradd(8) at 999.  When those are used up: both end at 60000, systemd's dynamic
# users at 65519, and subordinate ids (subuid(5)) begin at 100000.
RANGES = (range(200, 900), range(65540, 100_000))

Numbers = Tuple[int, int]  # uid and gid


def numbers(home: Path, login: str) -> Numbers:
    """Those for a new account *login*, remembered as its own before it is made."""
    found = read(home)
    mine = found["of"].get(login)
    if mine and are_free(login, mine[0], mine[1]):
        return mine[0], mine[1]
    number = next(free(found["next"]), None)
    if number is None:
        raise Refused("all user ids that are kept for sites were given away")
    write(home, number + 1, {**found["of"], login: [number, number]})
    return number, number


def remember(home: Path, login: str) -> None:
    """The account *login* as it is, whoever made it."""
    found, mine = read(home), of(login)
    if mine and found["of"].get(login) != list(mine):
        write(home, found["next"], {**found["of"], login: list(mine)})


def forget(home: Path, login: str) -> None:
    """Nothing is left that belongs to *login*; its number is not given away again even so."""
    found = read(home)
    if login in found["of"]:
        kept = {name: each for name, each in found["of"].items() if name != login}
        write(home, found["next"], kept)


def known(home: Path, login: str) -> Set[Numbers]:
    """The numbers of the account *login*, and those that it had before somebody made it again."""
    mine = read(home)["of"].get(login)
    found = {of(login), (mine[0], mine[1]) if mine else None}
    return {each for each in found if each}


def of(login: str) -> Optional[Numbers]:
    try:
        found = pwd.getpwnam(login)
    except KeyError:
        return None
    return found.pw_uid, found.pw_gid


def others(login: str, uid: int) -> List[str]:
    """Who else has the number *uid*: a site that is being renamed."""
    return [each.pw_name for each in pwd.getpwall() if each.pw_uid == uid and each.pw_name != login]


def are_free(login: str, uid: int, gid: int) -> bool:
    """Whether nobody has them; a group of that very name may stand alone."""
    if others("", uid):
        return False
    return all(each.gr_name == login for each in grp.getgrall() if each.gr_gid == gid)


def free(first: int) -> Iterator[int]:
    users = {each.pw_uid for each in pwd.getpwall()}
    groups = {each.gr_gid for each in grp.getgrall()}
    taken = users | groups
    return (n for each in RANGES for n in each if n >= first and n not in taken)


def read(home: Path) -> Dict[str, Any]:
    try:
        found: Dict[str, Any] = json.loads((home / RECORD).read_text())
    except FileNotFoundError:
        return {"next": RANGES[0].start, "of": {}}
    return found


def write(home: Path, following: int, whose: Dict[str, List[int]]) -> None:
    """On the disk once this returns, whole."""
    text = json.dumps({"next": following, "of": whose}, indent=1, sort_keys=True)
    ours = [str(os.geteuid()), str(os.getegid())]
    disk.put(File(str(home / RECORD), text.encode(), 0o600, *ours))
