"""
A shelf that SFTP reaches: what may go wrong there is one sentence, and leaves no half backup.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cinestream_ops.agent import backup_shelf
from cinestream_ops.agent.backup_shelf import Directory
from cinestream_ops.engine import backups_folder
from cinestream_ops.engine.backups_folder import Shelf
from cinestream_ops.engine.backups_sftp import Sftp
from cinestream_ops.errors import OpsError, Unreachable
from tests.backup.backup import saved
from tests.backup.conftest import SFTP
from tests.channel.ssh import sshd

NAME = "20261124T213000Z"


@pytest.mark.parametrize(
    ("called", "named"),
    [
        ("nas:kept", "nas:kept/shop"),
        ("nas:", "nas:shop"),
        ("nas:/", "nas:/shop"),
        ("ssh://nas/srv/", "ssh://nas/srv/shop"),
    ],
)
def test_what_is_on_a_shelf_is_called_as_it_can_be_typed(called, named):
    assert named == Sftp(None, "kept", called).named("shop")


def test_a_directory_that_may_not_be_written_is_told(reached, tmp_path):
    shelf = reached(tmp_path / "kept", "guest")
    tmp_path.chmod(0o755)

    with pytest.raises(PermissionError) as caught:
        saved(shelf)

    assert ("Permission denied", "ssh://guest@box") == (
        caught.value.strerror, str(caught.value.filename)[:15],
    )  # fmt: skip
    assert [] == list(tmp_path.iterdir())


def test_a_directory_that_may_not_be_read_is_told(reached, tmp_path):
    tmp_path.chmod(0o700)

    with pytest.raises(OpsError, match=r"cannot be read: Permission denied"):
        backups_folder.shelves(reached(tmp_path / "kept", "guest"))


def break_off(shelf: Sftp) -> None:
    """Write until nobody is there any more."""
    with backup_shelf.draft(shelf, "shop", NAME) as draft:
        draft.write("data.tar", b"half of it")
        shelf._client.get_channel().get_transport().close()
        for _ in range(100):
            draft.write("data.tar", b"and more" * 10000)


def test_a_connection_that_breaks_off_leaves_no_backup(reached, tmp_path):
    """What is left of it is pruned once there is a later one."""
    with pytest.raises(Unreachable, match=r"the connection to `ssh://root@box/.*` broke off"):
        break_off(reached(tmp_path))

    later = reached(tmp_path)
    assert [f".{NAME}.partial"] == later.names("shop")
    assert [] == backups_folder.shelves(later)
    kept, _ = saved(later, "20261125T213000Z")
    backups_folder.prune(later, "shop", keep=5)
    assert [kept.path] == [f"shop/{name}" for name in later.names("shop")]


def test_one_that_breaks_off_while_it_is_read_is_told_as_such(reached, tmp_path):
    shelf = reached(tmp_path)
    backup, _ = saved(shelf)
    shelf._client.get_channel().get_transport().close()

    with pytest.raises(Unreachable, match="broke off"):
        backups_folder.checked(backup)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    top = tmp_path / "small"
    top.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", top]
    if os.geteuid() or subprocess.run(argv, capture_output=True, check=False).returncode:
        pytest.skip("takes a root who may mount")
    yield top
    subprocess.run(["umount", "--lazy", top], check=True)


def fill(shelf: Shelf) -> None:
    with backup_shelf.draft(shelf, "shop", NAME) as draft:
        for _ in range(100):
            draft.write("data.tar", b"x" * 100_000)


def test_a_disk_here_that_fills_up_is_told_and_nothing_is_left(small):
    with pytest.raises(OSError, match="No space left on device"):
        fill(Directory(small))

    assert [] == list((small / "shop").iterdir())


def test_a_disk_there_that_fills_up_is_told_and_nothing_is_left(small, ground, reached, tmp_path):
    # An sshd of its own, which sees what is mounted now.
    with sshd.sshd(ground, tmp_path, SFTP) as box:
        shelf = reached(small, on=box)
        with pytest.raises(OSError, match="No space left on device") as caught:
            fill(shelf)

        assert f"{shelf.named()}/shop/.{NAME}.partial/data.tar" == caught.value.filename
        assert [] == shelf.names("shop")
        assert shelf.free() > 1 << 20
