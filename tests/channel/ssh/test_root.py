"""
Claims on becoming root on the server, and on a server without Python.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from cinestream_ops.channel.ssh import ssh
from cinestream_ops.errors import Unreachable

WHO = ["id", "-un"]
TOOLS = ("sh", "env", "cat", "echo", "ln", "id", "rm")
needs_sudo = pytest.mark.skipif(not shutil.which("sudo"), reason="sudo must be installed")


def never(unknown):
    raise AssertionError(f"asked about {unknown}")


def said(target, argv, **more):
    with ssh(target, never, argv=argv, **more) as (_, inbox):
        return inbox.read().decode()


def refusal(target, argv=WHO, **more):
    with pytest.raises(Unreachable) as refused:
        said(target, argv, **more)
    return str(refused.value), refused.value.hint


@pytest.fixture
def programs(tmp_path):
    """A directory that other users can look into, unlike those that pytest makes."""
    with tempfile.TemporaryDirectory() as made:
        programs = Path(made)
        programs.chmod(0o755)
        for name in TOOLS:
            (programs / name).symlink_to(shutil.which(name))
        yield programs


@pytest.fixture
def bare(another, programs):
    """Starts a server with few programs, and no Python; an apt-get only where it is given."""

    def started(apt_get=""):
        if apt_get:
            script = programs / "apt-get"
            script.write_text(f"#!/bin/sh\n{apt_get}\n")
            script.chmod(0o755)
        return another(f"SetEnv PATH={programs}")

    return started


def test_root_needs_no_sudo(bare):
    assert "root\n" == said(bare().target, WHO)


@needs_sudo
def test_another_user_becomes_root(server):
    assert "root\n" == said(server.but(user="admin"), WHO)


@needs_sudo
def test_a_user_whom_sudo_asks_for_a_password_is_told_the_line_to_add(server):
    refused, hint = refusal(server.but(user="guest"))

    assert "`guest` may not use sudo without a password" == refused
    assert "put the line `guest ALL=(ALL) NOPASSWD: ALL` into `/etc/sudoers.d/guest` there" == hint


def test_a_server_without_sudo_is_told(bare):
    refused, hint = refusal(bare().but(user="admin"))

    assert "`admin` is not root, and the server has no `sudo`" == refused
    assert "log in as `root`, or install `sudo` there" == hint


def test_a_login_that_runs_nothing_is_told_with_its_words(another):
    closed = another("ForceCommand echo This account is closed.; exit 1")
    login = f"root@127.0.0.1:{closed.target.port}"

    refused, hint = refusal(closed.target)

    assert f"`{login}` let us in and ran nothing: This account is closed." == refused
    assert f"`ssh {login} true` must work, and say nothing" == hint


def test_python_is_installed_where_it_is_missing(bare, programs, tmp_path):
    log = tmp_path / "log"
    new = bare(
        apt_get=f'echo "$DEBIAN_FRONTEND $@" >> {log}\n[ "$4" = update ] || ln -s {Path(sys.executable).resolve()} {programs}/python3'
    )
    heard = []

    answer = said(new.target, ["python3", "-I", "-c", "print(6 * 7)"], say=heard.append)

    assert "42\n" == answer
    assert [
        f"`root@127.0.0.1:{new.target.port}` has no Python yet: installing the package `python3`"
    ] == heard
    assert [
        "noninteractive -q -o DPkg::Lock::Timeout=120 update",
        "noninteractive -q -o DPkg::Lock::Timeout=120 install -y --no-install-recommends python3",
    ] == log.read_text().splitlines()


def test_an_installation_that_fails_is_told_with_its_last_words(bare):
    broken = bare(apt_get="echo 'Reading...'; echo 'E: No space left on device' >&2; exit 100")

    refused, hint = refusal(broken.target, ["python3", "-V"])

    assert (
        f"`root@127.0.0.1:{broken.target.port}` has no Python, and could not install it: "
        "E: No space left on device"
    ) == refused
    assert "run `apt-get install python3` there, mend what it says, and try again" == hint


def test_a_server_that_is_not_debian_is_told(bare):
    strange = bare()

    refused, hint = refusal(strange.target, ["python3", "-V"])

    assert (
        f"`root@127.0.0.1:{strange.target.port}` has neither Python nor `apt-get` to install it with"
    ) == refused
    assert "only Debian and Ubuntu servers can be managed" == hint
