"""
A backup whose data are other ones, and whose manifest says so: as another version may have made it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cinestream_ops.agent import backup_shelf
from cinestream_ops.agent.backup_shelf import Directory
from cinestream_ops.engine import backups, backups_folder, backups_lock
from cinestream_ops.engine.backups_folder import Stored
from cinestream_ops.spec import backup
from cinestream_ops.spec.secret import Secret


def with_data(folder: Path, key: Path, change: Callable[[bytes], bytes]) -> Path:
    """The backup in *folder*, on a shelf beside it, with its data as *change* makes them."""
    shelf = Directory(folder.parents[1] / "resealed")
    passphrase = Secret(key.read_text().rstrip("\n"))
    there = Stored(Directory(folder.parents[1]), f"{folder.parent.name}/{folder.name}")
    found = backups_folder.read(there)
    env = backups_lock.opened((there / found.env).content(), found, passphrase)
    stated = backup.told(found)
    documents = {
        name.rpartition("/")[2]: part.documents
        for name, part in found.parts.items()
        if part.documents is not None
    }
    stated = {**stated, "lock": backups_lock.new(), "documents": documents}
    del stated["parts"]
    with backup_shelf.draft(shelf, folder.parent.name, folder.name) as draft:
        for name in found.parts:
            if name != found.env:
                content = (folder / name).read_bytes()
                draft.write(name, change(content) if name == backup.DATA else content)
        backups.finished(draft, env, stated, passphrase)
    return shelf.top / folder.parent.name / folder.name
