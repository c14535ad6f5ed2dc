"""
Backups of no server: folders as `backup create` writes them, made by hand.
"""

from __future__ import annotations

from typing import Any

from cinestream_ops.agent import backup_shelf
from cinestream_ops.engine import backups, backups_lock
from cinestream_ops.engine.backups_folder import Shelf, Stored
from cinestream_ops.spec.backup import Manifest
from cinestream_ops.spec.secret import Secret

PASSPHRASE = Secret("correct horse battery staple")
ENV = b"SITE=shop\nSECRET_KEY=of-the-old-server\n"
FILES = {
    "site.toml": b"port = 8001\n",
    "data.tar": b"\0" * 10240,
    "database/shop/things.bson": b"\x05\0\0\0\0" * 3,
    "database/shop/things.metadata.json": b"{}",
    "database/shop/looks.metadata.json": b"{}",
}


def stated(**more: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "cinestream": "0.1.0",
        "site": "shop",
        "taken": "2026-11-24T21:30:00Z",
        "host": "web1",
        "database": "shop",
        "consistency": "per collection",
        "documents": {"things.bson": 3},
        # The cheapest that is read.
        "lock": backups_lock.new().model_copy(update={"n": 2**14}),
        **more,
    }


def saved(
    shelf: Shelf, name: str = "20261124T213000Z", env: bytes = ENV
) -> tuple[Stored, Manifest]:
    """A backup on *shelf*, and its manifest."""
    with backup_shelf.draft(shelf, "shop", name) as draft:
        for path, content in FILES.items():
            draft.write(path, content)
        made = backups.finished(draft, env, stated(), PASSPHRASE)
    return Stored(shelf, f"shop/{name}"), made
