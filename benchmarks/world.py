"""
The site that every tool makes in the benchmarks, taken from cinestream's own `desired`.

All of them write the same files and start the same units; `WORLD.json` is what the floor and the
peers read.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from cinestream_ops import desired
from cinestream_ops.engine.looking import Found
from cinestream_ops.engine.shipped import shipped
from cinestream_ops.state.items import Directory, EnvFile, File, Item, Symlink, Unit, User, digest


def world(found: Found, site: str, workers: int) -> dict[str, Any]:
    """What *site* is made of with so many *workers*, in plain JSON."""
    house = found.house.with_site(found.house.sites[site].model_copy(update={"workers": workers}))
    items = desired.everything(house, found.facts.machine, found.facts.certificates, shipped())
    return {
        "users": [item.login for item in items[site] if isinstance(item, User)],
        "units": [item.unit for item in items[site] if isinstance(item, Unit)],
        "items": [placed for item in items[site] for placed in place(item)],
    }


def place(item: Item) -> list[dict[str, Any]]:
    match item:
        case Symlink():
            return [{"kind": "symlink", "path": item.path, "target": item.target}]
        case Directory():
            return [{"kind": "directory", **rights(item)}]
        case File():
            return [{"kind": "file", **rights(item), **content(item.content)}]
        case EnvFile():
            text = "".join(f"{name}={value}\n" for name, value in item.plain)
            return [{"kind": "file", "merged": True, **rights(item), **content(text.encode())}]
    return []


def rights(item: File | Directory | EnvFile) -> dict[str, Any]:
    return {"path": item.path, "mode": item.mode, "owner": item.owner, "group": item.group}


def content(told: bytes) -> dict[str, Any]:
    return {"content": base64.b64encode(told).decode(), "digest": digest(told)}


def written(told: dict[str, Any], path: Path) -> Path:
    path.write_text(json.dumps(told))
    return path
