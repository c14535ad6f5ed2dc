"""
Where connections come from: the listening socket on 127.0.0.1.
"""

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Callable, MutableMapping

from cinestream_worker.errors import StartError
from cinestream_worker.succession import DOOR

FIRST = 3  # SD_LISTEN_FDS_START
BACKLOG = 65535  # the kernel lowers it to net.core.somaxconn


class Door:
    """The listening socket on 127.0.0.1: systemd's, which outlives us, or one that we bound."""

    def __init__(self, sock: socket.socket, *, handed: bool) -> None:
        # A predecessor may have taken the connection that woke us, so accept() must never block.
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.listen(BACKLOG)
        self.socket = sock
        self.address: tuple[str, int] = sock.getsockname()[:2]
        self.is_open = False
        self._handed = handed

    def turn(self, selector: selectors.BaseSelector) -> None:
        """Open it when it is shut, and shut it when it is open."""
        if self.is_open:
            selector.unregister(self.socket)
        else:
            selector.register(self.socket, selectors.EVENT_READ)
        self.is_open = not self.is_open

    def close(self, selector: selectors.BaseSelector, accept: Callable[[], bool]) -> None:
        """
        Shut it for good.  Who waits before systemd's socket is our successor's; who waits before
        ours is ours.
        """
        if self.is_open:
            self.turn(selector)
        while not self._handed and accept():
            pass
        self.socket.close()


def door(port: int | None, environ: MutableMapping[str, str]) -> Door:
    """
    The socket that systemd hands over (sd_listen_fds(3)), else one of our own.  Raises
    `StartError`.
    """
    count, owner = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", None)
    if inherited := environ.pop(DOOR, ""):
        return _handed(port, int(inherited))
    if count and owner == str(os.getpid()):
        return _handed(port, FIRST)
    if port is None:
        raise StartError("no port: give `--port N`, set PORT, or start it from a systemd socket")
    return _bound(port)


def _handed(port: int | None, number: int) -> Door:
    try:
        sock = socket.socket(fileno=number)
        listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise StartError(
            f"systemd promised a socket, but file descriptor {number} is none ({error.strerror})"
        ) from error
    if sock.family != socket.AF_INET or not listening:
        raise StartError("the socket that systemd handed over does not listen on an IPv4 port")
    if port not in (None, sock.getsockname()[1]):
        raise StartError(
            f"systemd handed over port {sock.getsockname()[1]}, but `--port` says {port}"
        )
    sock.set_inheritable(False)
    return Door(sock, handed=True)


def _bound(port: int) -> Door:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
    except OSError as error:
        sock.close()
        raise StartError(f"port {port} cannot be bound: {error.strerror}") from error
    return Door(sock, handed=False)
