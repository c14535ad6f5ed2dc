"""
Trees of source, packed so that the same tree always has the same digest.

Secrets, caches and histories are left out.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from cinestream_ops.errors import OpsError

LEFT_OUT = {".git", ".hg", ".svn", ".venv", "venv", "__pycache__", "node_modules", ".env"}
SUFFIXES_LEFT_OUT = {".pyc", ".pyo", ".env"}


class SourceError(OpsError):
    """The owner's source cannot be used."""


def tar(root: Path, top: str = "") -> bytes:
    """The tree below *root*, or only its folder *top*, as a tar: sorted, dateless, ownerless."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in files(root / top):
            try:
                archive.addfile(*entry(path, root))
            except OSError as error:
                raise SourceError(f"`{path}` cannot be read: {error.strerror}") from None
    return out.getvalue()


def files(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        if path.name in LEFT_OUT or path.suffix in SUFFIXES_LEFT_OUT:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from files(path)
        elif path.is_file():
            yield path


def entry(path: Path, root: Path) -> tuple[tarfile.TarInfo, io.BytesIO]:
    """A plain file: what a link inside the tree points to is stored in its place."""
    # No folder that is a link was entered: only the last name can lead away.
    if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
        raise SourceError(f"`{path}` is a link that leads out of `{root}`")
    content = path.read_bytes()
    info = tarfile.TarInfo(path.relative_to(root).as_posix())
    info.size = len(content)
    info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
    return info, io.BytesIO(content)
