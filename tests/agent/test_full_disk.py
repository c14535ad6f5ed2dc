"""
A disk that is full stops a change, and never the way back.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager

import pytest

from cinestream_ops.channel.local import local
from cinestream_ops.state.items import Check, Directory, EnvFile, Symlink
from cinestream_ops.state.steps import PUT, REMOVE, Step
from tests.conversation.server import Server

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
SMALL = "512k"


@contextmanager
def small_disk(path):
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "small", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


@pytest.fixture(params=["beside", "on it"])
def server(request, tmp_path):
    """A small disk with a few old files, and the agent's home beside it or on it."""
    with small_disk(tmp_path / "disk") as disk:
        land = disk / "land"
        land.mkdir()
        (land / "old").write_bytes(b"old\n" * 1000)
        (land / "other").write_bytes(b"other\n" * 1000)
        (land / "link").symlink_to("old")
        home = disk / "home" if request.param == "on it" else tmp_path / "home"
        yield Server(lambda home: local(home=str(home)), home, land)


def fill(server):
    """Takes all the room there is, and fails."""
    path = server.land.parent / "filled"
    return Check("fill", ("sh", "-c", f"dd if=/dev/zero of={path} bs=4k"))


def test_a_file_that_does_not_fit_is_refused_with_the_disk_named(server):
    before = server.tree()

    events = server.apply(server.put("old"), server.put("big", os.urandom(600_000)))

    assert f"the disk is full: `{server.land.parent}` has" in events[-1]["why"]
    assert events[-1]["restored"]
    assert before == server.tree()
    assert set() == server.leftovers()


def test_the_way_back_needs_no_room(server):
    before = server.tree()
    land = server.land

    events = server.apply(
        Step(PUT, Directory(f"{land}/folder")),
        Step(PUT, server.put("folder/file")),
        Step(PUT, server.put("old", b"n" * 9000)),
        Step(REMOVE, server.put("other")),
        Step(PUT, Symlink(f"{land}/link", "elsewhere")),
        Step(PUT, EnvFile(f"{land}/.env", "root", "root", generated=(("KEY", "token"),))),
        fill(server),
    )

    assert "No space left on device" in events[-1]["why"]
    assert events[-1]["restored"]
    assert before == server.tree()
    assert set() == server.leftovers()


def test_a_full_disk_refuses_the_next_change_untouched(server):
    server.apply(server.put("old"), fill(server))
    before = server.tree()

    events = server.apply(server.put("new", b"n" * 9000))

    assert "the disk is full" in events[-1]["why"]
    assert before == server.tree()
