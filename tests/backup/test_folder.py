"""
A backup is whole or is none, and a byte that changed is found; on a disk here, and by SFTP.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from cinestream_ops.agent import backup_shelf
from cinestream_ops.agent.backup_shelf import Directory, Draft
from cinestream_ops.channel import conversation
from cinestream_ops.engine import backups, backups_folder
from cinestream_ops.engine.backups_folder import Shelf, Stored
from cinestream_ops.errors import BadSpec, NotFound, OpsError
from tests.backup.backup import ENV, FILES, saved
from tests.backup.conftest import Opened

NAME = "20261124T213000Z"


@pytest.fixture
def backup(shelf: Shelf) -> Stored:
    return saved(shelf)[0]


@pytest.fixture
def folder(backup: Stored, tmp_path: Path) -> Path:
    """Where it lies."""
    return tmp_path / backup.path


def test_a_whole_backup_is_read_as_it_was_written(shelf):
    backup, made = saved(shelf)

    found = backups_folder.checked(backup)

    assert made == found
    assert {*FILES, "env.enc"} == found.parts.keys()
    assert 3 == found.documents
    assert found.size == sum((backup / name).size for name in found.parts)


def test_it_is_a_shelf_of_its_own_for_who_names_it_alone(opened: Opened, backup, folder):
    assert backups_folder.read(backup) == backups_folder.checked(Stored(opened(folder)))


def test_a_view_has_no_documents(backup):
    collections = backups_folder.read(backup).collections

    assert {
        "database/shop/things.metadata.json": "database/shop/things.bson",
        "database/shop/looks.metadata.json": None,
    } == collections


def test_nobody_but_its_owner_reads_a_backup(folder):
    assert {0o700} == {
        stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*")) if path.is_dir()
    }
    assert {0o600} == {
        stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()
    }


def test_no_secret_is_in_the_clear(folder):
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())

    assert b"of-the-old-server" in ENV
    assert b"of-the-old-server" not in everything


@pytest.mark.parametrize("name", [*FILES, "env.enc"])
def test_a_changed_byte_is_found_and_its_file_named(backup, folder, name):
    content = bytearray((folder / name).read_bytes())
    content[0] ^= 1
    (folder / name).write_bytes(content)

    with pytest.raises(BadSpec) as caught:
        backups_folder.checked(backup)

    assert f"{backup / name}: is not what was saved: its digest differs" == str(caught.value)


def test_all_that_is_wrong_is_told_at_once(backup, folder):
    (folder / "data.tar").unlink()
    (folder / "site.toml").write_text("port = 1\n")
    (folder / "more.txt").write_text("a gift")

    with pytest.raises(BadSpec) as caught:
        backups_folder.checked(backup)

    assert ["data.tar", "site.toml", "more.txt"] == [
        Path(fault.where).name for fault in caught.value.faults
    ]


def test_a_link_in_the_place_of_a_file_is_not_followed(backup, folder, tmp_path):
    (folder / "data.tar").rename(tmp_path / "data.tar")
    (folder / "data.tar").symlink_to(tmp_path / "data.tar")

    with pytest.raises(BadSpec, match=r"data.tar: is missing"):
        backups_folder.checked(backup)


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
def test_a_manifest_that_is_none_of_ours_is_refused(backup, folder, changes, told):
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changes}))

    with pytest.raises(BadSpec, match=told):
        backups_folder.read(backup)


def test_a_manifest_cannot_ask_for_all_of_the_memory(backup, folder):
    manifest = folder / "manifest.json"
    told = json.loads(manifest.read_text())
    told["lock"]["n"] = 2**30
    manifest.write_text(json.dumps(told))

    with pytest.raises(BadSpec, match="is more than 1048576"):
        backups_folder.read(backup)


def test_what_is_no_backup_is_told(shelf, tmp_path):
    (tmp_path / "manifest.json").write_text("{")

    with pytest.raises(NotFound, match="is not a backup"):
        backups_folder.read(Stored(shelf, "elsewhere"))
    with pytest.raises(BadSpec, match="is not JSON"):
        backups_folder.read(Stored(shelf))


def broken_off(shelf: Shelf) -> None:
    with backup_shelf.draft(shelf, "shop", NAME) as draft:
        draft.write("data.tar", b"half of it")
        raise KeyboardInterrupt


def test_one_that_is_broken_off_leaves_nothing(shelf, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        broken_off(shelf)

    assert [] == list((tmp_path / "shop").iterdir())
    assert [] == backups_folder.shelves(shelf)


def test_one_that_is_being_written_is_not_taken_for_a_backup(shelf):
    with backup_shelf.draft(shelf, "shop", NAME) as draft:
        draft.write("data.tar", b"half of it")
        during = backups_folder.shelves(shelf)

    assert [] == during


def test_two_at_a_time_are_not_mixed_up(shelf):
    with backup_shelf.draft(shelf, "shop", NAME) as draft:
        draft.write("manifest.json", b"{}")
        with pytest.raises(FileExistsError, match="another one was begun in the same second"):
            saved(shelf, NAME)
    with pytest.raises(FileExistsError, match="another one was begun in the same second"):
        saved(shelf, NAME)

    assert [Stored(shelf, f"shop/{NAME}")] == backups_folder.shelves(shelf)


def tamper(shelf: Shelf, written: Path) -> None:
    with backup_shelf.draft(shelf, "shop", NAME) as draft:
        draft.write("data.tar", b"all of it")
        draft.close()
        written.write_bytes(b"something")


def test_one_that_reads_otherwise_than_it_was_written_is_none(shelf, tmp_path):
    with pytest.raises(OSError, match="it reads otherwise than it was written"):
        tamper(shelf, tmp_path / f"shop/.{NAME}.partial/data.tar")

    assert [] == list((tmp_path / "shop").iterdir())


def test_a_server_cannot_write_outside_of_the_folder(tmp_path):
    taker = backups.Taker(Draft(Directory(tmp_path), "shop"), 0, lambda *_: None)

    with pytest.raises(OpsError, match="which no backup has"):
        taker.took("database/shop/../../../../gift.bson", b"a gift")

    assert [] == list(tmp_path.iterdir())


def test_a_backup_that_does_not_fit_is_not_begun(opened: Opened, tmp_path):
    shelf = opened(tmp_path / "not/there/yet")

    with pytest.raises(OpsError, match=f"`{shelf.named()}` has"):
        backups_folder.refuse_small(shelf, 2**60)

    backups_folder.refuse_small(shelf, 1)


def test_the_latest_stay(shelf):
    backups = [saved(shelf, f"2026112{day}T213000Z")[0] for day in range(5)]

    gone = backups_folder.prune(shelf, "shop", keep=2)

    assert backups[:3] == gone
    assert backups[3:] == backups_folder.shelves(shelf)
    assert [each.path for each in backups[3:]] == [f"shop/{name}" for name in shelf.names("shop")]


def test_pruning_takes_what_was_broken_off_before_the_latest(shelf, tmp_path):
    saved(shelf, NAME)
    old, running = (tmp_path / f"shop/.2026112{day}T000000Z.partial" for day in (3, 5))
    old.mkdir()
    (old / "data.tar").write_text("half of it")
    running.mkdir()

    backups_folder.prune(shelf, "shop", keep=1)

    assert [running.name, NAME] == shelf.names("shop")


def test_pruning_touches_nothing_else(shelf, tmp_path):
    saved(shelf)
    for each in ("notes", "20261101T000000Z"):  # the second has no manifest
        (tmp_path / "shop" / each).mkdir()
    (tmp_path / "blog/20261101T000000Z").mkdir(parents=True)
    (tmp_path / "blog/20261101T000000Z/manifest.json").write_text("{}")

    assert [] == backups_folder.prune(shelf, "shop", keep=1)
    assert ["20261101T000000Z", NAME, "notes"] == shelf.names("shop")
    assert [Stored(shelf, "blog/20261101T000000Z")] == backups_folder.shelves(shelf, "blog")


@pytest.mark.parametrize("announced", [0, 9999, 10241])
def test_a_file_of_another_size_is_not_sent_as_if_it_were_whole(backup, announced):
    with pytest.raises(OpsError, match=r"data.tar` changed while it was read"):
        list(conversation.exactly(backup / "data.tar", announced))

    assert 10240 == len(b"".join(conversation.exactly(backup / "data.tar", 10240)))


def test_the_greatest_file_is_read_in_pieces(shelf):
    content = bytes(range(256)) * (1 << 15)  # 8 MiB: more than is asked for at once
    with backup_shelf.draft(shelf, "shop", NAME) as draft:
        draft.write("data.tar", b"")
        for start in range(0, len(content), 100_000):
            draft.write("data.tar", content[start : start + 100_000])

    stored = Stored(shelf, f"shop/{NAME}/data.tar")

    assert len(content) == stored.size
    assert content == stored.content()
    assert 1 << 18 >= max(map(len, stored.chunks()))


MANIFESTS = {
    "nested without end": b"[" * 100_000,
    "tables without end": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "no number": b'{"format": 1e999}',
    "bytes": b"\xff\xfe",
}


@pytest.mark.parametrize("content", MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_from_strange_hands_is_a_sentence(backup, folder, content):
    (folder / "manifest.json").write_bytes(content)

    with pytest.raises(BadSpec):
        backups_folder.read(backup)


def test_a_manifest_larger_than_any_is_not_read(backup, folder):
    with (folder / "manifest.json").open("wb") as file:
        file.truncate(backups_folder.LARGEST + 1)

    with pytest.raises(OpsError, match="too large"):
        backups_folder.read(backup)


def test_a_manifest_that_leads_to_a_device_is_not_read(tmp_path):
    shelf = Directory(tmp_path)
    folder, _ = saved(shelf)
    (tmp_path / folder.path / "manifest.json").unlink()
    (tmp_path / folder.path / "manifest.json").symlink_to("/dev/zero")

    with pytest.raises(OpsError, match="not a file"):
        backups_folder.read(folder)
