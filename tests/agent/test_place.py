"""
Nobody who owns a folder can send root elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cinestream_ops.agent import disk, env
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import EnvFile, File

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
SITE = 60123


@pytest.fixture
def site(tmp_path):
    """A site's own folder, and one that is none of its business."""
    for name in ("site", "etc"):
        (tmp_path / name).mkdir()
    os.chown(tmp_path / "site", SITE, SITE)
    return tmp_path / "site"


def test_a_link_of_a_site_is_not_followed(site):
    (site / "releases").symlink_to("../etc")
    os.lchown(site / "releases", SITE, SITE)

    with pytest.raises(Refused, match="leads through a link"):
        disk.put(File(f"{site}/releases/file", b""))

    assert [] == list((site.parent / "etc").iterdir())


def test_a_link_in_the_folder_of_a_site_is_not_followed_whoever_owns_it(site):
    (site / "releases").symlink_to("../etc")

    with pytest.raises(Refused, match="leads through a link"):
        disk.put(File(f"{site}/releases/file", b""))


def test_a_link_of_root_in_a_folder_of_root_is_followed(site):
    (site.parent / "way").symlink_to("etc")

    disk.put(File(f"{site.parent}/way/file", b"x"))

    assert b"x" == (site.parent / "etc/file").read_bytes()


def test_a_link_at_the_place_itself_is_replaced(site):
    (site.parent / "etc/file").write_bytes(b"mine")
    (site / ".env").symlink_to("../etc/file")

    disk.put(File(f"{site}/.env", b"x"))

    assert b"mine" == (site.parent / "etc/file").read_bytes()
    assert not (site / ".env").is_symlink()


def test_a_draft_that_waits_as_a_link_is_not_written_through(site):
    (site.parent / "etc/file").write_bytes(b"mine")
    (site / "..env.cinestream").symlink_to("../etc/file")

    disk.put(File(f"{site}/.env", b"x"))

    assert b"mine" == (site.parent / "etc/file").read_bytes()


def test_a_pipe_in_place_of_a_file_is_told_and_not_read(site):
    os.mkfifo(site / ".env")

    fact = disk.fact(File(f"{site}/.env", b""))

    assert {"other": "special file"} == fact


def sparse(path: str) -> None:
    with Path(path).open("w") as out:
        out.truncate(1 << 34)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, sparse])
def test_what_is_no_env_is_told_and_not_read(site, make):
    item = EnvFile(f"{site}/.env", "root", "root")
    make(item.path)

    assert "" == env.text(item.path)
    assert not item.met_by(env.look([item])[item.key])


def test_a_link_in_place_of_an_env_is_no_env(site):
    item = EnvFile(f"{site}/.env", "root", "root")
    (site / ".env").symlink_to("/etc/shadow")

    assert "" == env.text(item.path)
    assert not item.met_by(env.look([item])[item.key])


@pytest.mark.parametrize("path", ["relative", "/a/../b", "/", "/a//b", "/a/"])
def test_only_full_plain_paths_are_places(path):
    with pytest.raises(Refused, match="is not a full path"):
        disk.put(File(path, b""))
