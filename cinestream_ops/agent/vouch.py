"""
The commit over a second connection, for changes that could cut off the first.
"""

from __future__ import annotations

import os
import select
import time
from binascii import hexlify
from pathlib import Path

from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.unfinished import JOURNAL
from cinestream_ops.agent.wire import Wire


def token() -> str:
    return hexlify(os.urandom(16)).decode()


def awaited(home: Path, secret: str, wire: Wire, patience: float) -> None:
    """Return once another agent vouches with *secret*; `EOFError` if the first connection ends."""
    path = ear(home)
    os.mkfifo(path, 0o600)
    # Open for writing too, or it would be at its end whenever nobody else writes.
    handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        end = time.monotonic() + patience
        heard = b""
        while secret.encode() not in heard:
            heard += next_words(handle, wire, end - time.monotonic())
    finally:
        os.close(handle)
        path.unlink()


def ear(home: Path) -> Path:
    """In the journal, with which it goes, should we not live to remove it."""
    return home / JOURNAL / "commit"


def next_words(handle: int, wire: Wire, patience: float) -> bytes:
    with wire.stops.allowed():
        ready, _, _ = select.select([handle, wire.inbox.fileno()], [], [], max(patience, 0))
    if handle in ready:
        return os.read(handle, 4096)
    if ready:
        # On the first connection there is nothing to say any more but good-bye.
        wire.hear()
        raise Refused("the controller changed its mind")
    raise Refused("no second connection reached the server, so the change was undone")


def vouch(home: Path, secret: str) -> None:
    """Say *secret* to the agent that awaits it; `Refused` if none does."""
    try:
        handle = os.open(ear(home), os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        raise Refused("nothing waits for a commit any more") from None
    try:
        os.write(handle, secret.encode() + b"\n")
    finally:
        os.close(handle)
