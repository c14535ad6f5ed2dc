"""
What systemd is told: that the worker serves, that it stops, and that it is well.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping

from cinestream_worker.server import Server


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


def keep_fed(server: Server, seconds: float, feed: Callable[[], None]) -> None:
    """
    Feed the watchdog for as long as threads take up requests and are done with them; never returns.

    An idle server is sent a request of our own.  Ticks come every quarter of *seconds*, and the
    last sign of life may be a half old: requests that all take anything less than *seconds* do no
    harm, and a server whose threads all hang is given up between 1.25 and 1.5 times *seconds* after
    the last of them stopped.
    """
    probe = server.probe()
    while True:
        time.sleep(seconds / 4)
        if time.monotonic() - server.progress < seconds / 2:
            feed()
        if answered(probe):
            probe.close()
            probe = server.probe()


def answered(probe: socket.socket) -> bool:
    """Whether a thread has closed the far end of *probe*."""
    try:
        while probe.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
