from __future__ import annotations

from pathlib import Path

import pytest

from tests.channel.ssh import sshd


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    """Keys and accounts, made once."""
    if why := sshd.why_not():
        pytest.skip(why)
    return sshd.ground(tmp_path_factory.mktemp("ground"))


@pytest.fixture(scope="session")
def server(ground, tmp_path_factory):
    with sshd.sshd(ground, tmp_path_factory.mktemp("sshd")) as started:
        yield started


@pytest.fixture
def another(ground, tmp_path):
    """Starts a server with options of its own."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda *options, **more: stack.enter_context(
            sshd.sshd(ground, tmp_path, *options, **more)
        )


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """The owner's home, empty; and no ssh-agent unless a test starts one."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return home
