"""
Sockets to an SSH server: straight, or through a program of the owner's.

Knows nothing of SSH itself, and says in one sentence why nobody answered.
"""

from __future__ import annotations

import errno
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain, zip_longest

from cinestream_ops.channel.route import Hop
from cinestream_ops.errors import Unreachable

WAIT = 10.0
HEAD_START = 0.25  # RFC 8305, section 5: the recommended Connection Attempt Delay
SILENCE = 60_000  # milliseconds that sent data may go without an acknowledgement

Address = tuple[socket.AddressFamily, tuple[str, int]]


def dial(hop: Hop, stack: ExitStack) -> socket.socket:
    """A connection to *hop*, closed by *stack*; raises `Unreachable`."""
    if hop.proxy_command:
        return through(hop.proxy_command, stack)
    return stack.enter_context(straight(hop))


def straight(hop: Hop) -> socket.socket:
    """A TCP connection to *hop*; raises `Unreachable`."""
    try:
        return first_to_answer(addresses(hop.host, hop.port), WAIT)
    except socket.gaierror as error:
        raise Unreachable(
            f"`{hop.host}` is not a name that can be looked up: {error.strerror}",
            "check its spelling, and whether its DNS record is there yet",
        ) from None
    except ConnectionRefusedError:
        raise Unreachable(
            f"`{hop.place}` refused the connection",
            "nothing listens there: does sshd run, and is the port right?",
        ) from None
    except TimeoutError:
        raise Unreachable(
            f"`{hop.place}` did not answer within {WAIT:.0f} seconds",
            f"is the server on, and does its firewall let port {hop.port} in?",
        ) from None
    except OSError as error:
        raise Unreachable(
            f"`{hop.place}` cannot be reached: {error.strerror}", "is this machine online?"
        ) from None


def addresses(host: str, port: int) -> list[Address]:
    """All of the host's, the families taking turns (RFC 8305, section 4)."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    each = [(family, address) for family, _, _, _, address in found]
    favoured = [one for one in each if one[0] == each[0][0]]
    others = [one for one in each if one[0] != each[0][0]]
    turns = chain.from_iterable(zip_longest(favoured, others))
    return [one for one in turns if one]  # type: ignore[misc]


def first_to_answer(candidates: list[Address], wait: float) -> socket.socket:
    """
    Tries each a head start after the one before it, and keeps the first that connects.

    Raises `TimeoutError` after *wait* seconds, else what the last one raised.
    """
    with selectors.DefaultSelector() as pending:
        try:
            return next(_answers(iter(candidates), pending, time.monotonic() + wait))
        finally:
            for key in list(pending.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]


def _answers(
    candidates: Iterator[Address], pending: selectors.BaseSelector, deadline: float
) -> Iterator[socket.socket]:
    failure: OSError | None = None
    upcoming = next(candidates, None)
    while upcoming or pending.get_map():
        if upcoming:
            failure = _begin(upcoming, pending) or failure
            upcoming = next(candidates, None)
        if not pending.get_map():
            continue
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        for key, _ in pending.select(min(left, HEAD_START) if upcoming else left):
            sock: socket.socket = key.fileobj  # type: ignore[assignment]
            pending.unregister(sock)
            if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                failure = _failed(sock, code)
            else:
                yield _ready(sock)
    raise failure or TimeoutError


def _begin(address: Address, pending: selectors.BaseSelector) -> OSError | None:
    """Starts a connection; answers with why it could not be."""
    family, place = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    # Without it every small frame waits for the acknowledgement of the one before: 40 ms each.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    code = sock.connect_ex(place)
    if code not in {0, errno.EINPROGRESS}:
        return _failed(sock, code)
    pending.register(sock, selectors.EVENT_WRITE)
    return None


def _failed(sock: socket.socket, code: int) -> OSError:
    sock.close()
    return OSError(code, os.strerror(code))


def _ready(sock: socket.socket) -> socket.socket:
    sock.setblocking(True)
    # The kernel alone would retry for a quarter of an hour before it calls a dead line dead.
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE)
    return sock


def through(command: str, stack: ExitStack) -> socket.socket:
    """The owner's ProxyCommand (ssh_config(5)) at the other end of a socket of our own."""
    ours, its = socket.socketpair()
    with its:
        # Its own session: ^C is for us, who then let it go by closing the socket.
        proxy = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"],
            stdin=its.fileno(),
            stdout=its.fileno(),
            start_new_session=True,
        )
    stack.callback(_end, proxy)
    return stack.enter_context(ours)


def _end(proxy: subprocess.Popen[bytes]) -> None:
    """Hangs up on it, as ssh does; what does not take the hint is stopped."""
    proxy.send_signal(signal.SIGHUP)
    try:
        proxy.wait(1)
    except subprocess.TimeoutExpired:
        proxy.kill()
        proxy.wait()
