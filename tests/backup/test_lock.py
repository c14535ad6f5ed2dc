"""
The passphrase opens the `.env`, and vouches for all the rest.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cinestream_ops.agent.backup_shelf import Directory
from cinestream_ops.engine import backups_lock
from cinestream_ops.errors import OpsError
from cinestream_ops.spec.backup import Part, PartName
from cinestream_ops.spec.secret import Secret
from tests.backup.backup import ENV, PASSPHRASE, saved


@pytest.fixture
def backup(tmp_path: Path):
    folder, made = saved(Directory(tmp_path))
    return made, (folder / "env.enc").content()


def test_the_passphrase_opens_it(backup):
    manifest, content = backup

    assert ENV == backups_lock.opened(content, manifest, PASSPHRASE)


def test_another_passphrase_does_not(backup):
    manifest, content = backup

    with pytest.raises(OpsError, match="the passphrase does not open this backup") as caught:
        backups_lock.opened(content, manifest, Secret("correct horse"))

    assert "horse" not in str(caught.value)


def test_a_manifest_that_was_changed_with_its_file_is_found(backup):
    manifest, content = backup
    forged = Part.model_validate({"size": 1, "sha256": "0" * 64})
    parts = {**manifest.parts, PartName("data.tar"): forged}

    with pytest.raises(OpsError, match="or its manifest was changed"):
        backups_lock.opened(content, manifest.model_copy(update={"parts": parts}), PASSPHRASE)


@pytest.mark.parametrize("changes", [{"site": "blog"}, {"taken": "2020-01-01T00:00:00Z"}])
def test_so_is_one_that_tells_of_another_site_or_time(backup, changes):
    manifest, content = backup

    with pytest.raises(OpsError, match="or its manifest was changed"):
        backups_lock.opened(content, manifest.model_copy(update=changes), PASSPHRASE)


def test_no_two_backups_have_the_same_lock():
    one, other = backups_lock.new(), backups_lock.new()

    assert one.salt != other.salt
    assert one.nonce != other.nonce
