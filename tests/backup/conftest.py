from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from cinestream_ops.agent.backup_shelf import Directory
from cinestream_ops.channel.sftp import sftp
from cinestream_ops.engine.backups_folder import Shelf
from cinestream_ops.engine.backups_sftp import Sftp
from tests.channel.ssh import sshd

Opened = Callable[[Path], Shelf]
SFTP = "Subsystem sftp internal-sftp"


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> sshd.Ground:
    if why := sshd.why_not():
        pytest.skip(why)
    return sshd.ground(tmp_path_factory.mktemp("ground"))


@pytest.fixture(scope="session")
def box(ground: sshd.Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Server]:
    """An SSH server that offers SFTP."""
    with sshd.sshd(ground, tmp_path_factory.mktemp("sshd"), SFTP) as started:
        yield started


@pytest.fixture
def reached(box: sshd.Server) -> Iterator[Callable[..., Sftp]]:
    """Makes a shelf of a directory that SFTP reaches, as *user* sees it."""
    with ExitStack() as stack:

        def made(top: Path, user: str = "root", on: sshd.Server = box) -> Sftp:
            target = replace(on.target, user=user)
            client = stack.enter_context(sftp(target, lambda _: False, lambda _: None))
            return Sftp(client, str(top), f"ssh://{user}@box{top}")

        yield made


@pytest.fixture(params=["directory", "sftp"])
def opened(request: pytest.FixtureRequest) -> Opened:
    """Makes a shelf of a directory, one way or the other."""
    if request.param == "directory":
        return Directory
    found: Opened = request.getfixturevalue("reached")
    return found


@pytest.fixture
def shelf(opened: Opened, tmp_path: Path) -> Shelf:
    return opened(tmp_path)
