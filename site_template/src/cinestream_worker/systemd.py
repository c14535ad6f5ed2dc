"""
What systemd is told: that the worker serves, that it stops, and that it is well.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping

from cinestream_worker.logs import log
from cinestream_worker.server import Server

STUCK = 20  # times the watchdog's own: ten minutes, by the 30 seconds of our units


def notify(environ: Mapping[str, str], state: str) -> None:
    """
    Tell systemd *state* (sd_notify(3)); nothing happens, and nothing fails, where nobody listens.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), address)


def watchdog_seconds(environ: Mapping[str, str]) -> float:
    """How long systemd bears our silence (sd_watchdog_enabled(3)); 0 when it does not watch us."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    return int(environ.get("WATCHDOG_USEC") or 0) / 1_000_000


class Watchdog:
    """
    Is fed by the loop of *server* four times in *seconds*; a loop that does not turn, as when
    something in the process never lets the interpreter go, feeds nothing.

    What a request takes, and what it waits for, is its own affair.  Only once nobody waits for what
    the threads do, and others have waited for `STUCK` times as long, are they taken for deadlocked.
    """

    def __init__(self, server: Server, seconds: float, environ: Mapping[str, str]) -> None:
        self._server = server
        self._seconds = seconds
        self._environ = environ
        self._fed = time.monotonic()
        self._stuck = False

    def look(self) -> None:
        now = time.monotonic()
        if now - self._fed < self._seconds / 4:
            return
        self._fed = now
        stuck = self._server.is_stuck(self._seconds * STUCK)
        if not stuck:
            notify(self._environ, "WATCHDOG=1")
        elif not self._stuck:
            log.error("no thread has answered for %.0f s, and requests wait", self._seconds * STUCK)
        self._stuck = stuck
