"""
A backup is whole or is none, and a byte that changed is found.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from cinestream_ops.engine import backups_folder
from cinestream_ops.errors import BadSpec, NotFound, OpsError
from tests.backup.backup import ENV, FILES, saved


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return saved(tmp_path)[0]


def test_a_whole_backup_is_read_as_it_was_written(tmp_path):
    folder, made = saved(tmp_path)

    found = backups_folder.checked(folder)

    assert made == found
    assert {*FILES, "env.enc"} == found.parts.keys()
    assert 3 == found.documents
    assert found.size == sum((folder / name).stat().st_size for name in found.parts)


def test_a_view_has_no_documents(folder):
    collections = backups_folder.read(folder).collections

    assert {
        "database/shop/things.metadata.json": "database/shop/things.bson",
        "database/shop/looks.metadata.json": None,
    } == collections


def test_nobody_but_its_owner_reads_a_backup(folder):
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert {0o600} == {
        stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()
    }


def test_no_secret_is_in_the_clear(folder):
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())

    assert b"of-the-old-server" in ENV
    assert b"of-the-old-server" not in everything


@pytest.mark.parametrize("name", [*FILES, "env.enc"])
def test_a_changed_byte_is_found_and_its_file_named(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[0] ^= 1
    (folder / name).write_bytes(content)

    with pytest.raises(BadSpec) as caught:
        backups_folder.checked(folder)

    assert f"{folder / name}: is not what was saved: its digest differs" == str(caught.value)


def test_all_that_is_wrong_is_told_at_once(folder):
    (folder / "data.tar").unlink()
    (folder / "site.toml").write_text("port = 1\n")
    (folder / "more.txt").write_text("a gift")

    with pytest.raises(BadSpec) as caught:
        backups_folder.checked(folder)

    assert ["data.tar", "site.toml", "more.txt"] == [
        Path(fault.where).name for fault in caught.value.faults
    ]


def test_a_link_in_the_place_of_a_file_is_not_followed(folder, tmp_path):
    (folder / "data.tar").rename(tmp_path / "data.tar")
    (folder / "data.tar").symlink_to(tmp_path / "data.tar")

    with pytest.raises(BadSpec, match=r"data.tar: is missing"):
        backups_folder.checked(folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": 2}, "format: only format 1 is known"),
        ({"site": "No Site"}, "is not a site name"),
        ({"parts": {"../../etc/passwd": {"size": 1, "sha256": "0" * 64}}}, "is not a part"),
        ({"parts": {"database/shop/..": {"size": 1, "sha256": "0" * 64}}}, "is not a part"),
        ({"colour": "red"}, "nobody reads this key"),
    ],
)
def test_a_manifest_that_is_none_of_ours_is_refused(folder, changes, told):
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changes}))

    with pytest.raises(BadSpec, match=told):
        backups_folder.read(folder)


def test_a_manifest_cannot_ask_for_all_of_the_memory(folder):
    manifest = folder / "manifest.json"
    told = json.loads(manifest.read_text())
    told["lock"]["n"] = 2**30
    manifest.write_text(json.dumps(told))

    with pytest.raises(BadSpec, match="is more than 1048576"):
        backups_folder.read(folder)


def test_what_is_no_backup_is_told(tmp_path):
    (tmp_path / "manifest.json").write_text("{")

    with pytest.raises(NotFound, match="is not a backup"):
        backups_folder.read(tmp_path / "elsewhere")
    with pytest.raises(BadSpec, match="is not JSON"):
        backups_folder.read(tmp_path)


def broken_off(shelf: Path) -> None:
    with backups_folder.draft(shelf, "20261124T213000Z") as draft:
        draft.write("data.tar", b"half of it")
        raise KeyboardInterrupt


def test_one_that_is_broken_off_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        broken_off(tmp_path / "shop")

    assert [] == list((tmp_path / "shop").iterdir())
    assert [] == list(backups_folder.shelves(tmp_path))


def test_one_that_is_being_written_is_not_taken_for_a_backup(tmp_path):
    with backups_folder.draft(tmp_path / "shop", "20261124T213000Z") as draft:
        draft.write("data.tar", b"half of it")
        during = list(backups_folder.shelves(tmp_path))

    assert [] == during


def test_a_server_cannot_write_outside_of_the_folder(tmp_path):
    with (
        pytest.raises(OpsError, match="which no backup has"),
        backups_folder.draft(tmp_path / "shop", "20261124T213000Z") as draft,
    ):
        draft.write("database/shop/../../../../gift.bson", b"a gift")

    assert [tmp_path / "shop"] == list(tmp_path.rglob("*"))


def test_a_backup_that_does_not_fit_is_not_begun(tmp_path):
    with pytest.raises(OpsError, match=f"`{tmp_path}` has"):
        backups_folder.refuse_small(tmp_path / "not/there/yet", 2**60)

    backups_folder.refuse_small(tmp_path, 1)


def test_the_latest_stay(tmp_path):
    folders = [saved(tmp_path, f"2026112{day}T213000Z")[0] for day in range(5)]

    gone = backups_folder.prune(tmp_path, "shop", keep=2)

    assert folders[:3] == gone
    assert folders[3:] == list(backups_folder.shelves(tmp_path))
    assert folders[3:] == sorted((tmp_path / "shop").iterdir())


def test_pruning_takes_what_was_broken_off_before_the_latest(tmp_path):
    folder, _ = saved(tmp_path, "20261124T213000Z")
    old, running = (tmp_path / f"shop/.2026112{day}T000000Z.partial" for day in (3, 5))
    old.mkdir()
    running.mkdir()

    backups_folder.prune(tmp_path, "shop", keep=1)

    assert {folder, running} == set((tmp_path / "shop").iterdir())


def test_pruning_touches_nothing_else(tmp_path):
    folder, _ = saved(tmp_path)
    for each in ("notes", "20261101T000000Z"):  # the second has no manifest
        (tmp_path / "shop" / each).mkdir()
    (tmp_path / "blog/20261101T000000Z").mkdir(parents=True)
    (tmp_path / "blog/20261101T000000Z/manifest.json").write_text("{}")

    assert [] == backups_folder.prune(tmp_path, "shop", keep=1)
    assert {"notes", "20261101T000000Z", folder.name} == {
        path.name for path in (tmp_path / "shop").iterdir()
    }
    assert [tmp_path / "blog/20261101T000000Z"] == list(backups_folder.shelves(tmp_path, "blog"))
