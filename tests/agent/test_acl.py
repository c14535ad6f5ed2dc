"""
A folder that one user may pass through, as the kernel keeps it, and what somebody else made of it.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cinestream_ops.agent import acl, disk
from cinestream_ops.agent.kinds import RESTORE
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Directory
from cinestream_ops.state.steps import PUT, Step

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
PASSER, READER = 60124, 60123


@pytest.fixture
def home(tmp_path: Path) -> Directory:
    """A folder of root's, in one that everybody may reach, with something in it."""
    tmp_path.chmod(0o711)
    item = Directory(f"{tmp_path}/home", 0o750, "root", str(READER), through=str(PASSER))
    disk.put(item)
    Path(item.path, "page").write_text("open")
    Path(item.path, "page").chmod(0o644)
    return item


def may(user: int, home: Directory, *argv: str) -> bool:
    """Whether *argv* succeeds beside *home*, as *user* in no group but that of the same number."""
    done = subprocess.run(
        argv,
        cwd=Path(home.path).parent,
        user=user,
        group=user,
        extra_groups=[],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


@pytest.mark.parametrize(
    ("user", "reads", "lists", "writes"),
    [(PASSER, True, False, False), (READER, True, True, False), (60125, False, False, False)],
)
def test_one_may_pass_and_one_may_read_and_nobody_may_write(home, user, reads, lists, writes):
    assert reads == may(user, home, "cat", "home/page")
    assert lists == may(user, home, "ls", "home")
    assert writes == may(user, home, "mv", "home/page", "home/mine")


def test_what_was_put_is_what_is_found(home):
    assert home.mark == disk.fact(home)


@pytest.mark.parametrize(
    "other",
    [
        f"user::rwx,user:{PASSER}:rwx,group::r-x,mask::rwx,other::---",
        f"user::rwx,user:{READER}:--x,group::r-x,mask::r-x,other::---",
        f"user::rwx,user:{PASSER}:--x,group::r-x,group:{PASSER}:r-x,mask::r-x,other::---",
        f"user::rwx,user:{PASSER}:--x,group::---,mask::r-x,other::---",
    ],
)
def test_what_somebody_else_made_of_it_is_seen_and_put_right(home, other):
    handle = os.open(home.path, os.O_RDONLY)
    acl.write(handle, other, home.path)
    os.close(handle)

    assert not home.met_by(disk.fact(home))
    disk.put(home)
    assert home.met_by(disk.fact(home))


def test_a_list_that_nobody_asked_for_goes(home):
    plain = Directory(home.path, 0o750, "root", str(READER))
    assert not plain.met_by(disk.fact(plain))

    disk.put(plain)

    assert plain.mark == disk.fact(plain)


@pytest.mark.parametrize("through", ["", str(PASSER), str(READER)])
def test_on_the_way_back_it_is_as_it_was(home, through):
    was = Directory(home.path, 0o750, str(PASSER), str(READER), through=through)
    disk.put(was)
    [undo] = disk.back(Step(PUT, home))
    disk.put(home)

    disk.do(undo, Kit(Path(home.path).parent))

    assert RESTORE == undo.verb
    assert was.mark == disk.fact(home)


def test_a_file_system_without_such_lists_is_told():
    handle = os.open("/sys", os.O_RDONLY)
    with pytest.raises(Refused, match="`/sys` keeps no access control lists"):
        acl.write(handle, "user::rwx,user:0:--x,group::r-x,mask::r-x,other::---", "/sys")
    acl.remove(handle)
    os.close(handle)

    assert "" == acl.read("/sys")
