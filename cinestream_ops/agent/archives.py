"""
Archives from elsewhere, unpacked only when their digest is the one that was asked for.

Nothing of another archive is ever left on the disk.
"""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, Sequence

from cinestream_ops.agent import tars, trees
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Archive, Fact
from cinestream_ops.state.steps import REMOVE, Step

SILENCE = 60  # seconds without a byte
PATIENCE = 3600  # seconds for all of it
LIMIT = 1 << 30  # bytes to download
CHUNK = 256 << 10
MIB = 1 << 20


def look(items: Sequence[Archive]) -> Dict[str, Fact]:
    return {item.key: trees.mark(item.path) for item in items}


def do(step: Step, kit: Kit) -> None:
    item = step.item
    assert isinstance(item, Archive)
    if step.verb == REMOVE:
        trees.remove(Path(item.path))
        return
    with packed(item, kit) as archive, trees.draft(Path(item.path), item.mark) as partial:
        for size in tars.unpack(archive, partial, strip=1):
            kit.progress(item.key, f"unpacking, {size // MIB} MiB", size, 0)


@contextmanager
def packed(item: Archive, kit: Kit) -> Iterator[Path]:
    """The archive as a file, its digest compared; a download is gone afterwards."""
    if not item.url:
        path = kit.blob_path(item.sha256)
        refuse_other(item, digest(path))
        yield path
        return
    path = Path(kit.home, "incoming", item.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        refuse_other(item, download(item, path, kit))
        yield path
    finally:
        if path.exists():
            path.unlink()


def refuse_other(item: Archive, found: str) -> None:
    if found != item.sha256:
        source = item.url or "the uploaded archive"
        raise Refused(
            f"`{source}` is not the archive that was asked for: its SHA-256 is `{found}`, "
            f"expected `{item.sha256}`",
            "compare both with what the publisher names; nothing of it was kept",
        )


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as content:
        for chunk in iter(lambda: content.read(CHUNK), b""):
            found.update(chunk)
    return found.hexdigest()


def download(item: Archive, path: Path, kit: Kit) -> str:
    """Fetch the archive into *path*; its SHA-256."""
    if not item.url.startswith(("https://", "http://")):
        raise Refused(f"`{item.url}` is no address to download from", "it starts with `https://`")
    try:
        with urllib.request.urlopen(item.url, timeout=SILENCE) as answer, kit.stops.allowed():  # noqa: S310
            return copy(answer, path, item, kit)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Refused(
            f"could not download `{item.url}`: {error}",
            "the server needs to reach that address; or give the archive as a file",
        ) from None


def copy(answer: http.client.HTTPResponse, path: Path, item: Archive, kit: Kit) -> str:
    total = int(answer.headers.get("Content-Length") or 0)
    found, size, told = hashlib.sha256(), 0, 0
    end = time.monotonic() + PATIENCE
    with path.open("wb") as out:
        for chunk in iter(lambda: answer.read(CHUNK), b""):
            size += len(chunk)
            if max(size, total) > LIMIT:
                raise Refused(f"`{item.url}` is larger than {LIMIT >> 20} MiB")
            if time.monotonic() > end:
                raise Refused(f"`{item.url}` is not here after {PATIENCE // 60} minutes")
            out.write(chunk)
            found.update(chunk)
            if size - told >= MIB:
                told = size
                kit.progress(item.key, "downloading", size, total)
    if total and size < total:
        raise Refused(f"`{item.url}` broke off after {size} of {total} bytes", "try again")
    return found.hexdigest()
