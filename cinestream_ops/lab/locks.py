"""
Locks that live as long as their holder, and leave no file behind.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cinestream_ops.lab.faults import TookTooLong

PAUSE = 0.05  # seconds between two tries


@contextmanager
def held(path: Path, what: str, seconds: float = 60) -> Iterator[None]:
    """
    Hold the lock at *path*; `TookTooLong` if others hold it for *seconds*.

    *what* names the wait, as in "waiting for `what`".
    """
    handle = acquired(path, what, seconds)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def acquired(path: Path, what: str, seconds: float) -> int:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        handle = opened(path)
        if locked(handle) and same_file(handle, path):
            return handle
        os.close(handle)
        time.sleep(PAUSE)
    raise TookTooLong(what, seconds)


def opened(path: Path) -> int:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Who leaves last may remove the folder between these two lines.
        with suppress(FileNotFoundError):
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def same_file(handle: int, path: Path) -> bool:
    # The holder before us removed its file on leaving: a lock on that one locks nobody out.
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
