"""
The same claims over every channel: a process on this machine, and a real sshd.
"""

from __future__ import annotations

import pytest

from cinestream_ops.channel.local import local
from cinestream_ops.channel.ssh import ssh
from tests.channel.ssh import sshd
from tests.conversation.server import Server


@pytest.fixture(scope="session")
def box(request, tmp_path_factory):
    """An sshd that lets root in."""
    if why := sshd.why_not():
        pytest.skip(why)
    ground = sshd.ground(tmp_path_factory.mktemp("ground"))
    with sshd.sshd(ground, tmp_path_factory.mktemp("sshd")) as started:
        yield started


@pytest.fixture(params=["local", "ssh"])
def streams(request):
    """Opens the two streams of an agent that lives in the home it is given."""
    if request.param == "local":
        return lambda home: local(home=str(home))
    target = request.getfixturevalue("box").target
    return lambda home: ssh(target, lambda _: False, home=str(home))


@pytest.fixture
def server(streams, tmp_path):
    """An old file, a link to it, and a folder, for a change to change."""
    land = tmp_path / "land"
    (land / "folder").mkdir(parents=True, mode=0o750)
    (land / "old").write_bytes(b"old\n")
    (land / "old").chmod(0o640)
    (land / "link").symlink_to("old")
    return Server(streams, tmp_path / "home", land)
