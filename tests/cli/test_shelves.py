"""
Where backups are kept, as owners write it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cinestream_ops.agent.backup_shelf import Directory
from cinestream_ops.cli import shelves
from cinestream_ops.errors import NotFound, OpsError


@pytest.fixture(autouse=True)
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner who knows one server, `nas`."""
    (tmp_path / "servers.toml").write_text('[servers.nas]\nhost = "10.0.0.9"\nport = 2222\n')
    monkeypatch.setenv("CINESTREAM_CONFIG", str(tmp_path))
    monkeypatch.delenv("CINESTREAM_SERVER", raising=False)


@pytest.mark.parametrize("where", ["backups", "./a:b", "/srv/a:b", "a/b:c"])
def test_a_directory_of_this_machine(where):
    with shelves.opened(where) as shelf:
        assert isinstance(shelf, Directory)
        assert str(Path(where)) == shelf.named()


def test_the_home_of_its_owner(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")

    with shelves.opened("~/backups") as shelf:
        assert "/home/me/backups" == shelf.named()


@pytest.mark.parametrize(
    ("where", "address", "path"),
    [
        ("nas:backups", "10.0.0.9:2222", "backups"),
        ("nas:/srv", "10.0.0.9:2222", "/srv"),
        ("ssh://nas/srv", "10.0.0.9:2222", "/srv"),
        ("me@nas.example:a/b", "me@nas.example", "a/b"),
        ("me@nas:", "me@nas", "."),
        ("ssh://me@nas.example:2200/srv/x", "me@nas.example:2200", "/srv/x"),
        ("ssh://me@[::1]:2200/srv", "me@[::1]:2200", "/srv"),
        ("me@[::1]:srv", "me@::1", "srv"),
    ],
)
def test_a_machine_that_ssh_reaches(where, address, path):
    place, found = shelves.parted(where)

    assert (address, path) == (shelves.target(where, place).address, found)


def test_a_machine_that_nobody_knows_is_told():
    with pytest.raises(NotFound, match="there is no server `box`, which `box:srv` names") as caught:
        shelves.target("box:srv", "box")

    assert "`USER@box:DIR` is any machine, `./box:srv` a directory on this one" == caught.value.hint


@pytest.mark.parametrize("where", ["ssh://", "ssh://nas", "ssh:///srv"])
def test_what_names_no_directory_is_told(where):
    with pytest.raises(OpsError, match="does not name a directory"):
        shelves.parted(where)


def test_this_machine_is_named_by_its_directory_alone():
    with pytest.raises(OpsError, match="is on this machine"):
        shelves.target("local:srv", "local")
