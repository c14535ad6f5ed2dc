"""
One request to the application, and its answer.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from cinestream_worker.logs import access
from cinestream_worker.meter import Meter

Headers = list[tuple[str, str]]
Raised = tuple[type[BaseException], BaseException, TracebackType]

LONG_SECONDS = 1.0  # after which a client may have lost its patience
BODILESS = ("1", "204", "304")  # RFC 9110, section 6.4.1


class Cut(ConnectionAbortedError):
    """An answer has begun and cannot be completed: all that is left is to close the connection."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNABORTED, "an answer was cut short")


class Exchange:
    """
    One request and its answer, whose head is held back until the first piece of its body is there.

    It is *cut* by the client, by a time-out, by the application or by a stop of the worker when its
    body does not arrive whole.
    """

    def __init__(
        self,
        environ: Mapping[str, Any],
        start_response: Callable[..., Any],
        is_refused: Callable[[], bool],
    ) -> None:
        self._began = time.perf_counter()
        self._environ = environ
        self._start_response = start_response
        self._is_refused = is_refused
        self._head: tuple[str, Headers] | None = None
        self._write: Callable[[bytes], object] | None = None
        self._sent = 0
        self._whole: int | None = None  # what Content-Length promises
        self._has_body = True
        self.cut = ""

    def start(
        self, status: str, headers: Headers, exc_info: Raised | None = None
    ) -> Callable[[bytes], None]:
        """
        The application's `start_response`; with *exc_info* it may be called again until the head is
        sent (PEP 3333).
        """
        if exc_info and self._write is not None:
            raise exc_info[1].with_traceback(exc_info[2])
        assert exc_info or self._head is None, "the application called start_response twice"
        self._head = status, headers
        self._whole = promised(headers)
        self._has_body = not (
            status.startswith(BODILESS) or self._environ["REQUEST_METHOD"] == "HEAD"
        )
        return self.write

    def write(self, piece: bytes) -> None:
        """
        Send *piece*.  Raises `ValueError`, with nothing of it sent, if it is more than was
        promised, and `Cut` if the client does not take it.
        """
        assert self._head is not None, "the application answered without calling start_response"
        if not self._has_body:
            return
        if self._whole is not None and self._sent + len(piece) > self._whole:
            raise ValueError(f"the application yields more than its Content-Length, {self._whole}")
        self._send_head()
        assert self._write is not None
        try:
            self._write(piece)
        except OSError as error:
            self.cut = "timeout" if isinstance(error, TimeoutError) else "client"
            raise Cut from error
        self._sent += len(piece)

    def complete(self) -> None:
        """
        Send what has not been sent.  Raises `ValueError` if the body is less than was promised.
        """
        assert self._head is not None, "the application answered without calling start_response"
        if self._has_body and self._whole is not None and self._sent < self._whole:
            raise ValueError(f"the application yields less than its Content-Length, {self._whole}")
        self._send_head()

    def fail(self) -> None:
        """
        A plain 500 while nothing is sent; after that, a closed connection is the only way to tell
        the client, and `Cut` is raised.
        """
        if self._write is not None:
            self.cut = "app"
            raise Cut
        body = b"Internal Server Error\n"
        self._head = None
        self.start("500 Internal Server Error", plain(body))
        self.write(body)
        self.complete()

    def end(self, meter: Meter) -> None:
        seconds = time.perf_counter() - self._began
        status = int(self._head[0][:3]) if self._head else 500
        meter.end(status, seconds)
        # To send something to one that has gone succeeds, the first time.
        if not self.cut and seconds > LONG_SECONDS and self._is_refused():
            self.cut = "client"
        # No address, no query, no agent: nothing here may tell who it was.
        fields = {
            "request": self._environ["cinestream.request_id"],
            "method": self._environ["REQUEST_METHOD"],
            "path": self._environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
            "status": status,
            "ms": f"{seconds * 1000:.1f}",
            "bytes": self._sent,
        }
        if self.cut:
            fields |= {"cut": self.cut, "sent": self._sent}
            fields |= {} if self._whole is None else {"of": self._whole}
        access.info("", extra={"fields": fields})

    def _send_head(self) -> None:
        if self._write is None:
            assert self._head is not None
            self._write = self._start_response(*self._head)


def promised(headers: Headers) -> int | None:
    """The Content-Length among *headers*, if they have one."""
    return next((int(value) for name, value in headers if name.lower() == "content-length"), None)


def plain(body: bytes) -> Headers:
    return [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
