"""
Every undo is tried, and what failed is kept for the next time.
"""

from __future__ import annotations

import subprocess

import pytest

from cinestream_ops.agent import journal, recover, wayback
from cinestream_ops.agent.journal import Journal
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.transaction import Transaction
from cinestream_ops.state.items import Directory, File
from cinestream_ops.state.steps import PUT, Step

ORDER = {"who": "ann", "doing": "anything"}


@pytest.fixture
def land(tmp_path):
    (tmp_path / "land").mkdir()
    return tmp_path / "land"


def transaction(land):
    steps = [
        Step(PUT, File(f"{land}/first", b"1")),
        Step(PUT, Directory(f"{land}/folder")),
        Step(PUT, File(f"{land}/last", b"3")),
    ]
    return Transaction(steps, ORDER, Kit(land.parent / "home"))


@pytest.fixture
def somebody_mounts(land):
    """A commit that never comes, and a mount that keeps a new folder from being removed."""

    def hear_commit():
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", land / "folder"], check=True)
        raise EOFError("hung up")

    yield hear_commit
    subprocess.run(["umount", "-q", land / "folder"], check=False, capture_output=True)


def test_what_a_program_put_into_a_new_folder_goes_with_it(land):
    def hear_commit():
        (land / "folder/data").write_bytes(b"by the program that was started in it")
        raise EOFError("hung up")

    with pytest.raises(EOFError):
        transaction(land).run(hear_commit)

    assert [] == list(land.iterdir())


def test_one_undo_that_fails_stops_no_other(land, somebody_mounts):
    with pytest.raises(Refused) as refused:
        transaction(land).run(somebody_mounts)

    assert ["folder"] == [path.name for path in land.iterdir()]
    assert not refused.value.restored
    assert f"`directory:{land}/folder`" in refused.value.why
    assert refused.value.why.startswith("hung up")


def test_what_could_not_be_undone_stands_in_the_way_until_it_is(land, somebody_mounts):
    with pytest.raises(Refused):
        transaction(land).run(somebody_mounts)

    with pytest.raises(Refused, match="an earlier change broke off") as refused:
        transaction(land).run(lambda: None)

    assert f"`directory:{land}/folder`" in refused.value.why


def test_recovery_tries_again_what_could_not_be_undone(land, somebody_mounts):
    with pytest.raises(Refused):
        transaction(land).run(somebody_mounts)
    subprocess.run(["umount", land / "folder"], check=True)

    told = recover.recover(land.parent / "home")

    assert told
    assert [f"directory:{land}/folder"] == told["undone"]
    assert [] == list(land.iterdir())


def test_a_torn_last_line_is_of_a_step_that_was_never_taken(land):
    home = land.parent
    found = Journal(home)
    found.open((), who="ann")
    found.append([Step("restore", File(f"{land}/first", b""))])
    journal.append(found.folder / journal.LINES, b'{"verb": "res')

    header, steps = journal.read(found.folder)

    assert {"who": "ann"} == header
    assert [f"file:{land}/first"] == [step.key for step in steps]


def test_a_crash_after_the_commit_keeps_the_change(land):
    home = land.parent
    found = Journal(home)
    (land / "file").write_bytes(b"old")
    way_back = wayback.WayBack(found)
    found.open((), who="ann", doing="it", steps=1, since=0)
    step = Step(PUT, File(f"{land}/file", b"new"))
    way_back.push([step])
    from cinestream_ops.agent import disk

    disk.do(step, Kit(home))
    found.commit()

    told = recover.recover(home)

    assert told is None
    assert ["file"] == [path.name for path in land.iterdir()]
    assert b"new" == (land / "file").read_bytes()
    assert not found.unfinished
