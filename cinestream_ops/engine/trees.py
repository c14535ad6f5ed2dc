"""
Trees of source, packed so that the same tree always has the same digest.

Secrets, caches and histories are left out.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from cinestream_ops.errors import OpsError

LEFT_OUT = {
    ".git", ".hg", ".svn", ".venv", "venv", "node_modules", ".env",
    "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache",
}  # fmt: skip
SUFFIXES_LEFT_OUT = {".pyc", ".pyo", ".env"}
# What nginx may send compressed, and from which size on.
COMPRESSIBLE = {".css", ".html", ".js", ".json", ".mjs", ".svg", ".txt", ".webmanifest", ".xml"}
WORTH_IT = 1024  # bytes
# RFC 1952, section 2.3: deflate, no name, no time, the slowest algorithm, of no system.
GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"


class SourceError(OpsError):
    """The owner's source cannot be used."""


def tar(root: Path, top: str = "", *, static: str = "") -> bytes:
    """
    The tree below *root*, or only its folder *top*, as a tar: sorted, dateless, ownerless.

    Beside the files in the folder *static* lie compressed ones, for nginx to send as they are.
    """
    served = root / static if static else None
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in files(root / top):
            try:
                archive.addfile(*entry(path, root))
                if served and path.is_relative_to(served):
                    for twin in compressed(path, root):
                        archive.addfile(*twin)
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
    mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
    return member(path.relative_to(root).as_posix(), path.read_bytes(), mode)


def compressed(path: Path, root: Path) -> Iterator[tuple[tarfile.TarInfo, io.BytesIO]]:
    """What lies beside *path*: nothing where that saves nothing, or the tree has it already."""
    if path.suffix not in COMPRESSIBLE or path.with_name(f"{path.name}.gz").exists():
        return
    content = path.read_bytes()
    smaller = gzipped(content)
    if len(content) >= WORTH_IT and len(smaller) < len(content):
        yield member(f"{path.relative_to(root).as_posix()}.gz", smaller, 0o644)


def gzipped(content: bytes) -> bytes:
    """By hand: `gzip` writes another head with each version of Python."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    tail = struct.pack("<LL", zlib.crc32(content), len(content) & 0xFFFF_FFFF)
    return GZIP_HEAD + deflate.compress(content) + deflate.flush() + tail


def member(name: str, content: bytes, mode: int) -> tuple[tarfile.TarInfo, io.BytesIO]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = mode
    return info, io.BytesIO(content)
