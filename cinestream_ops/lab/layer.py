"""
The upper layer of a server's disk: what makes it differ from the root it shares with others.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layer:
    upper: Path
    lower: Path

    def read(self, path: str) -> str:
        """The text that the root below has at *path*."""
        return (self.lower / path.lstrip("/")).read_text()


def put(layer: Layer, path: str, text: str, mode: int = 0o644) -> None:
    """Write *text* at *path*, owned by whoever owns the folder it is in."""
    target = placed(layer, path)
    target.write_text(text)
    target.chmod(mode)
    folder = target.parent.stat()
    os.chown(target, folder.st_uid, folder.st_gid)


def link(layer: Layer, path: str, to: str) -> None:
    placed(layer, path).symlink_to(to)


def placed(layer: Layer, path: str) -> Path:
    """Where *path* is in the upper layer; its folders are there when this returns."""
    inner = Path(path.lstrip("/"))
    for folder in reversed(inner.parents):
        copy_folder(layer.lower / folder, layer.upper / folder)
    return layer.upper / inner


def copy_folder(below: Path, above: Path) -> None:
    # A folder of the upper layer hides the mode and owner of the one below: sshd, for one,
    # refuses keys in a `/root` that anybody may enter.
    if above.exists():
        return
    above.mkdir()
    above.chmod(0o755)
    if below.exists():
        shutil.copystat(below, above)
        owner = below.stat()
        os.chown(above, owner.st_uid, owner.st_gid)
