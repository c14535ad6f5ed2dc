"""
Whether the names of sites are reached from this machine, which stands outside of the server.

A firewall before the server is seen by nobody on it.  Who cannot get out of a network of their own
sees as little: what is not reached is told as that, and as no more.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Iterable, Iterator
from queue import Empty, Queue
from threading import Semaphore, Thread

from cinestream_ops.engine.ailments import Finding, finding

PATIENCE = 5.0  # seconds for all of them
AT_ONCE = 64
HTTP, HTTPS = 80, 443
Door = tuple[str, int]  # a name, and a port of it


def findings(names: Collection[str], secure: Collection[str], server: str) -> Iterator[Finding]:
    """A warning for each of *names* that does not answer on a port that visitors come to."""
    for (name, port), why in closed(doors(names, secure), server).items():
        what = f"`{name}` is not reachable from here on port {port}: {why}"
        yield finding("warn", what, HINT)


HINT = (
    "if others have the same trouble, look for a firewall: at the server's provider, "
    "and by `nft list ruleset` on the server"
)


def doors(names: Iterable[str], secure: Collection[str]) -> list[Door]:
    return [
        (name, port) for name in names for port in (HTTP, HTTPS) if port == HTTP or name in secure
    ]


def closed(wanted: Collection[Door], server: str) -> dict[Door, str]:
    """
    Those that let nobody in, and why.

    A name that is not in the DNS, as this machine sees it, is looked for at the address of the
    *server*; none is asked where that is this machine, or is a name of ssh_config(5) alone.
    """
    if not server:
        return {}
    end = time.monotonic() + PATIENCE
    came: Queue[tuple[Door, str]] = Queue()
    room = Semaphore(AT_ONCE)

    def knock(door: Door) -> None:
        with room:
            came.put((door, refused(door, server, end)))

    for door in wanted:
        # No pool: an answer of the DNS that does not come would hold up the end of the program.
        Thread(target=knock, args=(door,), daemon=True).start()
    found: dict[Door, str] = dict.fromkeys(wanted, "no answer in time")
    for _ in wanted:
        try:
            door, why = came.get(timeout=max(end + 0.5 - time.monotonic(), 0.01))
        except Empty:
            break
        found[door] = why
    return {door: why for door, why in found.items() if why}


def refused(door: Door, server: str, end: float) -> str:
    name, port = door
    left = end - time.monotonic()
    if left <= 0:
        return "no answer in time"
    known = [host for host in (name, server) if is_known(host, port)]
    if not known:
        return ""
    try:
        socket.create_connection((known[0], port), timeout=left).close()
    except OSError as error:
        return str(error.strerror or error)
    return ""


def is_known(host: str, port: int) -> bool:
    """Whether *host* has an address, as this machine sees it."""
    try:
        return bool(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except OSError:
        return False
