"""
Trees of source, packed so that the same tree always has the same digest.
"""

from __future__ import annotations

import io
import os
import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from cinestream_ops.engine.selection import selection
from cinestream_ops.engine.source_error import SourceError

# What nginx may send compressed, and from which size on.
COMPRESSIBLE = {".css", ".html", ".js", ".json", ".mjs", ".svg", ".txt", ".webmanifest", ".xml"}
WORTH_IT = 1024  # bytes
CHUNK = 256 * 1024
# RFC 1952, section 2.3: deflate, no name, no time, the slowest algorithm, of no system.
GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"


def tar(root: Path, top: str = "") -> bytes:
    """The tree below *root*, or only its folder *top*, which comes with cinestream, as a tar."""
    out = io.BytesIO()
    pack(root, selection(root / top, git=False).files, out)
    return out.getvalue()


def pack(root: Path, files: Iterable[Path], out: BinaryIO, *, static: str = "") -> None:
    """
    Write *files*, which are below *root*, to *out* as a tar: dateless, ownerless.

    Beside the files in the folder *static* lie compressed ones, for nginx to send as they are.
    However big they are, no file is held in memory.
    """
    served = root / static if static else None
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in files:
            try:
                with path.open("rb") as content:
                    add(archive, path.relative_to(root).as_posix(), content)
                    if served and path.is_relative_to(served):
                        add_compressed(archive, path, root, content)
            except OSError as error:
                why = error.strerror or "it changed while it was read"
                raise SourceError(f"`{path}` cannot be read: {why}") from None


def add(archive: tarfile.TarFile, name: str, content: BinaryIO, *, plain: bool = False) -> None:
    """The open file *content* as *name*: executable where it is, unless it is to be *plain*."""
    found = os.fstat(content.fileno())
    info = tarfile.TarInfo(name)
    info.size = found.st_size
    info.mode = 0o755 if found.st_mode & 0o100 and not plain else 0o644
    archive.addfile(info, content)


def add_compressed(archive: tarfile.TarFile, path: Path, root: Path, content: BinaryIO) -> None:
    """What lies beside *path*: nothing where that saves nothing, or the tree has it already."""
    if path.suffix not in COMPRESSIBLE or path.with_name(f"{path.name}.gz").exists():
        return
    with TemporaryFile(prefix="cinestream-") as smaller:
        content.seek(0)
        for piece in gzipped(iter(lambda: content.read(CHUNK), b"")):
            smaller.write(piece)
        size = smaller.tell()
        smaller.seek(0)
        if WORTH_IT <= content.tell() > size:
            add(archive, f"{path.relative_to(root).as_posix()}.gz", smaller, plain=True)


def gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """By hand: `gzip` writes another head with each version of Python."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    check = size = 0
    yield GZIP_HEAD
    for piece in pieces:
        check, size = zlib.crc32(piece, check), size + len(piece)
        yield deflate.compress(piece)
    yield deflate.flush() + struct.pack("<LL", check, size & 0xFFFF_FFFF)
