"""
The server: one thread at the door, and a few that answer.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import logging
import selectors
import socket
import time
from collections.abc import Callable
from typing import Any

from cinestream_worker.connection import Connection, Gateway
from cinestream_worker.door import Door
from cinestream_worker.library import wsgi
from cinestream_worker.limits import Limits
from cinestream_worker.logs import log

AHEAD = 32  # accepted connections that may wait for a thread; the others wait in the backlog
IDLE_SECONDS = 10  # a connection may stay silent for so long
LAST_WORDS_SECONDS = 2  # and, once we are stopping, for so long
HEADER_BYTES = 80 * 1024  # what nginx lets through, 4 lines of 16k, and what it adds


class Server(wsgi.Server):
    """
    Cheroot's parser, gateway and threads behind a door of our own.

    Cheroot's own loop gives every new connection to a thread at once, so silent clients take up the
    threads; accepts without a bound, so a process that is killed takes many requests with it; and
    on `stop` touches and closes the socket that systemd holds for our successor.  Here one thread
    waits on the door and on all silent connections.
    """

    ConnectionClass = Connection
    max_request_header_size = HEADER_BYTES

    def __init__(self, door: Door, app: Callable[..., Any], limits: Limits) -> None:
        super().__init__(
            door.address,
            app,
            numthreads=limits.threads,
            max=limits.threads,
            server_name="localhost",
            timeout=IDLE_SECONDS,
        )
        self.gateway = Gateway
        self.send_seconds = limits.send_seconds
        self.max_request_body_size = limits.body_bytes
        self.software = "Cheroot"
        self.progress = time.monotonic()
        self.begun: dict[Connection, float] = {}
        self.relieved = False
        self._stopped = 0.0
        self._patience = limits.drain_seconds / 2
        self._door = door
        self._waiting = selectors.DefaultSelector()
        self._returned: collections.deque[Connection] = collections.deque()
        self._looked = time.monotonic()
        self._interval = 1.0
        self._look: Callable[[], None] = lambda: None
        self._bell, self._rope = socket.socketpair()
        self._rope.setblocking(False)

    def prepare(self) -> None:
        """Start the threads."""
        self.requests.start()
        self._waiting.register(self._bell, selectors.EVENT_READ)
        self.ready = True

    def look_every(self, seconds: float, look: Callable[[], None]) -> None:
        """Have the loop call *look* whenever *seconds* have passed."""
        self._interval, self._look = seconds, look

    def serve(self) -> None:
        """
        Answer until `stop` is called, and then everything that was accepted before it.

        While that takes long, others are answered too: our successor is not there before we leave.
        """
        while self.ready or self._is_held_up():
            self._mind_the_door()
            self._turn(timeout=self._interval if self.ready and self._door.is_open else 0.01)
        self._drain()

    def stop(self, *, relieved: bool = False) -> None:
        """
        Let `serve` come to its end.  May be called from a signal handler and from any thread.

        When *relieved*, our successor is there.
        """
        self.relieved = relieved
        self._stopped = time.monotonic()
        self.ready = False
        self._ring()

    def put_conn(self, conn: Connection) -> None:
        """Take back, from one of the threads, a connection that may bring another request."""
        self._returned.append(conn)
        self._ring()

    @property
    def can_add_keepalive_connection(self) -> bool:
        return self.ready

    @property
    def queued(self) -> int:
        """How many connections wait for a thread."""
        return int(self.requests.qsize)

    def is_stuck(self, seconds: float) -> bool:
        """
        Whether requests wait, while for *seconds* no thread has begun or ended one, and no client
        is there any more for what the threads do.
        """
        return (
            self.queued > 0
            and time.monotonic() - self.progress > seconds
            and all(conn.is_forsaken() for conn in list(self.begun))
        )

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        log.log(level, "%s", msg, exc_info=traceback)

    def _ring(self) -> None:
        # A full pipe has rung already.
        with contextlib.suppress(BlockingIOError):
            self._rope.send(b"!")

    def _is_held_up(self) -> bool:
        """Whether a thread is still at what it had begun before we were told to stop."""
        if self.relieved:
            return False
        first = min(list(self.begun.values()), default=self._stopped)
        return first < self._stopped and time.monotonic() < self._stopped + self._patience

    def _mind_the_door(self) -> None:
        if self._door.is_open != (self.queued < (AHEAD if self.ready else 1)):
            self._door.turn(self._waiting)

    def _turn(self, timeout: float) -> None:
        for key, _ in self._waiting.select(timeout):
            if key.fileobj is self._door.socket:
                self._accept()
            elif key.fileobj is self._bell:
                self._bell.recv(4096)
            else:
                self._waiting.unregister(key.fileobj)
                self.requests.put(key.data)
        while self._returned:
            self._await(self._returned.popleft())
        self._expire()

    def _accept(self) -> bool:
        try:
            sock, address = self._door.socket.accept()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOMEM}:
                log.error("no connection could be accepted: %s", error)  # noqa: TRY400 -- the trace says no more
                time.sleep(0.1)
            return False
        conn = self._connection(sock)
        conn.remote_addr, conn.remote_port = address[:2]
        self._await(conn)
        return True

    def _connection(self, sock: socket.socket) -> Connection:
        sock.settimeout(self.timeout)
        return self.ConnectionClass(self, sock)

    def _await(self, conn: Connection) -> None:
        """
        Leave *conn* until its client speaks; what it said already is in our buffer, not in the
        kernel's.
        """
        conn.last_used = time.monotonic()
        if conn.rfile.has_data():
            self.requests.put(conn)
        else:
            self._waiting.register(conn.socket, selectors.EVENT_READ, conn)

    def _silent(self) -> list[Connection]:
        return [key.data for key in list(self._waiting.get_map().values()) if key.data is not None]

    def _expire(self) -> None:
        now = time.monotonic()
        if now - self._looked < self._interval:
            return
        self._looked = now
        self._look()
        for conn in self._silent():
            if now - conn.last_used > IDLE_SECONDS:
                self._dismiss(conn)

    def _dismiss(self, conn: Connection) -> None:
        self._waiting.unregister(conn.socket)
        conn.close()

    def _drain(self) -> None:
        """
        Answer what was accepted: what is being worked on, what is queued, and what has not spoken
        yet.
        """
        self._door.close(self._waiting, self._accept)
        end = time.monotonic() + LAST_WORDS_SECONDS
        self._turn(timeout=0)
        while time.monotonic() < end and self._silent():
            self._turn(timeout=0)
            for conn in self._silent():
                if conn.answered:
                    self._dismiss(conn)
            self._turn(timeout=0.05)
        for conn in self._silent():
            self._dismiss(conn)
        self.requests.stop(timeout=None)
        for conn in self._returned:
            conn.close()
