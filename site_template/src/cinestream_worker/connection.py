"""
Cheroot's connection and request, a little otherwise.
"""

from __future__ import annotations

import contextlib
import io
import select
import socket
import time
from typing import Any

from cinestream_worker.library import http, wsgi
from cinestream_worker.stream import Reader, Writer


class Headers(http.HeaderReader):
    """
    Cheroot's, without those that have a `_` in their name.

    To an application `X_Real_IP` would be `X-Real-IP`, which is nginx's.  Cheroot's own reader of
    that kind takes names for text.
    """

    def _allow_header(self, key_name: bytes) -> bool:
        return b"_" not in key_name


class Request(http.HTTPRequest):
    """
    Cheroot's request, which sends the head of an answer together with the first piece of its body.
    """

    head = b""
    header_reader = Headers()

    def send_headers(self) -> None:
        wire, held = self.conn.wfile, io.BytesIO()
        self.conn.wfile = held
        try:
            super().send_headers()
        finally:
            self.conn.wfile = wire
        self.head = held.getvalue()

    def ensure_headers_sent(self) -> None:
        if self.sent_headers and self.head:  # nothing came after the head
            self._send_head_with(b"")
        super().ensure_headers_sent()

    def write(self, chunk: bytes) -> None:
        if not self.head:
            super().write(chunk)
        elif self.chunked_write:
            self._send_head_with(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        else:
            self._send_head_with(chunk)

    def _send_head_with(self, rest: bytes) -> None:
        head, self.head = self.head, b""
        self.conn.wfile.write(head + rest)


class Gateway(wsgi.Gateway_10):
    """Cheroot's gateway, whose application writes its answer itself."""

    def respond(self) -> None:
        self.req.server.wsgi_app(self.env, self.start_response, self.req.conn.is_refused)
        self.req.ensure_headers_sent()


class Connection(http.HTTPConnection):
    """
    Cheroot's connection, which tells the server that a thread took it up and was done with it.
    """

    RequestHandlerClass = Request
    last_used = 0.0
    answered = False

    def __init__(self, server: Any, sock: socket.socket) -> None:
        # Not cheroot's own: for each connection it makes two caches of who is at the other end of a
        # Unix socket.
        self.server, self.socket = server, sock
        self.rfile, self.wfile = Reader(sock), Writer(sock, server.send_seconds)
        self.requests_seen = 0

    def is_forsaken(self) -> bool:
        """Whether the client has closed it."""
        return self._is_in(select.POLLRDHUP)

    def is_refused(self) -> bool:
        """Whether the client has closed it without reading what it was sent (tcp(7): a reset)."""
        return self._is_in(0)

    def _is_in(self, events: int) -> bool:
        """Whether any of *events* is there, or an error."""
        eye = select.poll()
        with contextlib.suppress(ValueError):  # we have closed it ourselves
            eye.register(self.socket, events)
            return bool(eye.poll(0))
        return True

    def communicate(self) -> bool:
        self.server.progress = self.server.begun[self] = time.monotonic()
        try:
            return bool(super().communicate())  # type: ignore[no-untyped-call]
        finally:
            self.answered = True
            del self.server.begun[self]
            self.server.progress = time.monotonic()
