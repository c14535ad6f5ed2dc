"""
One change at a time: a lock of the process that makes it, so that none outlives its holder.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

from cinestream_ops.agent.refused import Locked

POLL, MOMENT, REMINDER = 0.2, 0.3, 5.0  # seconds


@contextmanager
def held(
    home: Path, holder: Dict[str, Any], wait: float, waiting: Callable[[str], None]
) -> Iterator[None]:
    """
    The lock of *home*, for the block; `Locked` if somebody has it for *wait* seconds more.

    *waiting* is told now and then whom we wait for; if that fails, the wait is over.
    """
    # Python's handles are closed in children, so nobody we start keeps the lock after us.
    handle = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        take(handle, wait, waiting)
        write(handle, holder)
        yield
    finally:
        os.close(handle)


def passed(home: Path, wait: float, waiting: Callable[[str], None]) -> None:
    """Come by when nobody has the lock of *home*; `Locked` if that takes over *wait* seconds."""
    try:
        handle = os.open(home / "lock", os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        take(handle, wait, waiting)
    finally:
        os.close(handle)


def take(handle: int, wait: float, waiting: Callable[[str], None]) -> None:
    began, reminder = time.monotonic(), MOMENT
    while not taken(handle):
        waited = time.monotonic() - began
        # Who only comes by has it too, and is nobody to be told of.
        if waited >= max(wait, MOMENT):
            raise Locked(sentence(handle), "wait with `--wait SECONDS`, or try again later")
        if waited >= reminder:
            waiting(sentence(handle))
            reminder = waited + REMINDER
        time.sleep(POLL if waited >= MOMENT else POLL / 20)


def taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def free(home: Path) -> bool:
    """Whether nobody holds the lock of *home* just now."""
    try:
        handle = os.open(home / "lock", os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        return taken(handle)
    finally:
        os.close(handle)


def may_be_held(home: Path) -> bool:
    """Whether the last who took the lock still runs: enough to know when to look twice."""
    try:
        return Path("/proc", str(holder((home / "lock").read_bytes())["pid"])).exists()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write(handle: int, who: Dict[str, Any]) -> None:
    # On a full disk the lock is still a lock, if one of nobody's.
    with suppress(OSError):
        # Over the last holder's, in one go: who looks meanwhile finds the one or the other.
        os.ftruncate(handle, os.pwrite(handle, json.dumps(who).encode() + b"\n", 0))


def holder(text: bytes) -> Dict[str, Any]:
    """Who wrote *text*, which may end in what is left of a longer one."""
    found: Dict[str, Any] = json.loads(text.split(b"\n")[0])
    return found


def sentence(handle: int) -> str:
    """Who has it, and what for."""
    try:
        found = holder(os.pread(handle, 1 << 16, 0))
        since = time.strftime("%H:%M:%S", time.gmtime(found["since"]))
        return f"`{found['who']}` is doing `{found['doing']}` since {since} UTC"
    except (ValueError, KeyError, TypeError):
        return "somebody else is changing this server"
