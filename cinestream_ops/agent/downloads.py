"""
Archives, fetched over HTTP: bounded in time and size, and with word of how far they are.

What they are is not judged here.
"""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.request
from pathlib import Path

from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Archive

SILENCE = 60  # seconds without a byte
PATIENCE = 3600  # seconds for all of it
LIMIT = 1 << 30  # bytes to download
CHUNK = 256 << 10
MIB = 1 << 20


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
