"""
What a server encrypts by itself is opened with the owner's key, and vouches for the manifest.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cinestream_ops.agent import backup_daily, backup_shelf
from cinestream_ops.agent.backup_shelf import Directory
from cinestream_ops.agent.kit import Kit
from cinestream_ops.engine import backups_age, backups_folder
from cinestream_ops.engine.backups_folder import Stored
from cinestream_ops.errors import OpsError
from cinestream_ops.spec.backup import AgeLock
from tests.backup.backup import ENV, FILES

pytestmark = pytest.mark.skipif(not shutil.which("age"), reason="takes the package `age`")
NAME = "20261124T213000Z"


def keygen(path: Path) -> str:
    """The public key that belongs to the one now in the file *path*."""
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    return subprocess.run(
        ["age-keygen", "-y", path], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "key"


@pytest.fixture
def backup(tmp_path: Path, key: Path) -> Stored:
    """One as a server makes it."""
    shelf = Directory(tmp_path / "kept")
    told = {
        "format": 1,
        "cinestream": "0.1.0",
        "site": "shop",
        "taken": "2026-11-24T21:30:00Z",
        "host": "web1",
        "database": "shop",
        "consistency": "per collection",
        "data_changed": False,
        "missing": ["Redis on `cache`"],
        "lock": {"cipher": "age", "recipient": keygen(key)},
    }
    with backup_shelf.draft(shelf, "shop", NAME) as draft:
        for path, content in FILES.items():
            draft.write(path, content)
        answer = {"documents": {"things.bson": 3}}
        backup_daily.finish(draft, ENV, told, answer, Kit(tmp_path))
    return Stored(shelf, f"shop/{NAME}")


def opened(backup: Stored, key: Path) -> bytes:
    found = backups_folder.checked(backup)
    return backups_age.opened((backup / found.env).content(), found, key)


def test_the_owners_key_opens_it(backup, key):
    found = backups_folder.checked(backup)

    assert ENV == opened(backup, key)
    assert isinstance(found.lock, AgeLock)
    assert 3 == found.documents


def test_no_secret_is_in_the_clear(backup, tmp_path):
    folder = tmp_path / "kept" / backup.path

    assert b"of-the-old-server" not in b"".join(
        path.read_bytes() for path in folder.rglob("*") if path.is_file()
    )


def test_another_key_does_not(backup, tmp_path):
    keygen(tmp_path / "other")

    with pytest.raises(OpsError, match=r"other` does not open this backup: no identity matched"):
        opened(backup, tmp_path / "other")


def test_a_file_that_is_no_key_is_told(backup, tmp_path):
    with pytest.raises(OpsError, match=r"missing` does not open this backup: .*no such file"):
        opened(backup, tmp_path / "missing")


def forged(change: Callable[[dict[str, Any]], Any], folder: Path) -> None:
    """A manifest with a *change* that its files agree to."""
    manifest = folder / "manifest.json"
    told = json.loads(manifest.read_text())
    change(told)
    manifest.write_text(json.dumps(told))


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(site="blog"),
        lambda told: told.pop("missing"),
        lambda told: told.update(taken="2020-01-01T00:00:00Z"),
        lambda told: told["parts"]["database/shop/things.bson"].update(documents=2),
        lambda told: told["parts"].pop("database/shop/looks.metadata.json"),
    ],
)
def test_a_manifest_that_was_changed_is_found(change, backup, key, tmp_path):
    forged(change, tmp_path / "kept" / backup.path)
    found = backups_folder.read(backup)

    with pytest.raises(OpsError, match="the manifest of this backup was changed"):
        backups_age.opened((backup / found.env).content(), found, key)


def test_a_machine_without_age_is_told_what_to_install(backup, key, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(OpsError, match="`age` is not installed on this machine") as caught:
        opened(backup, key)

    assert "install the package `age`" in caught.value.hint
