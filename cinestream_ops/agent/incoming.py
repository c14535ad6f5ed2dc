"""
The blobs of an order: small ones are kept in memory, big ones in files of root's own.

A secret among them may not be verified against a digest, for it travels without one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any, Dict, Iterator, Sequence, Union

from cinestream_ops.agent import kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.wire import Wire
from cinestream_ops.state import frames

BIG = 1 << 20  # bytes

Blobs = Dict[str, Union[bytes, Path]]


def received(listed: Sequence[Any], wire: Wire, home: Path) -> Blobs:
    """
    All blobs that are *listed*, by name.

    All are read before anything is refused: the other side is still sending them.
    """
    discard(home)
    found: Blobs = {}
    troubles = []
    for name, size in listed:
        pieces = chunks(wire, size)
        try:
            found[name] = spooled(name, pieces, home) if size > BIG else b"".join(pieces)
            refuse_damaged(name, found[name])
        except (Refused, OSError) as error:
            troubles.append(error)
            for _ in pieces:
                pass
    for trouble in troubles:
        raise trouble
    return found


def chunks(wire: Wire, size: int) -> Iterator[bytes]:
    while size > 0:
        with wire.stops.allowed():
            chunk = frames.receive(wire.inbox)
        size -= len(chunk)
        yield chunk


def spooled(name: str, pieces: Iterator[bytes], home: Path) -> Path:
    path = kit.incoming(home) / Path(name).name
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.writelines(pieces)
    return path


def refuse_damaged(name: str, blob: Union[bytes, Path]) -> None:
    if not name.startswith("secret:") and digest(blob) != name:
        raise Refused(f"the upload `{name[:16]}` arrived damaged", "run the command again")


def digest(blob: Union[bytes, Path]) -> str:
    found = hashlib.sha256()
    if isinstance(blob, bytes):
        found.update(blob)
        return found.hexdigest()
    with blob.open("rb") as file:
        for piece in iter(lambda: file.read(BIG), b""):
            found.update(piece)
    return found.hexdigest()


def discard(home: Path) -> None:
    """Ours, and those of agents that did not live to do it; one may have had our number."""
    for folder in (home / "incoming").glob("*"):
        if folder.name == str(os.getpid()) or not Path("/proc", folder.name).exists():
            shutil.rmtree(folder, ignore_errors=True)
