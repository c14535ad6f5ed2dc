"""
One request to the application, and its answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

from cinestream_worker.logs import access
from cinestream_worker.meter import Meter

Headers = list[tuple[str, str]]
Raised = tuple[type[BaseException], BaseException, TracebackType]


class Exchange:
    """
    One request and its answer, whose head is held back until the first piece of its body is there.
    """

    def __init__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> None:
        self._began = time.perf_counter()
        self._environ = environ
        self._start_response = start_response
        self._head: tuple[str, Headers] | None = None
        self._write: Callable[[bytes], object] | None = None
        self._size = 0

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
        return self.write

    def write(self, piece: bytes) -> None:
        self.send_head()
        assert self._write is not None
        self._write(self.counted(piece))

    def send_head(self) -> None:
        if self._write is None:
            assert self._head is not None, "the application answered without calling start_response"
            self._write = self._start_response(*self._head)

    def counted(self, piece: bytes) -> bytes:
        self._size += len(piece)
        return piece

    def failure(self) -> Iterator[bytes]:
        """
        A plain 500 while nothing is sent; after that, a closed connection is the only way to tell
        the client.
        """
        if self._write is not None:
            raise ConnectionAbortedError("an answer was cut short")
        body = b"Internal Server Error\n"
        self._head = "500 Internal Server Error", plain(body)
        self.send_head()
        yield self.counted(body)

    def end(self, meter: Meter) -> None:
        seconds = time.perf_counter() - self._began
        status = int(self._head[0][:3]) if self._head else 500
        meter.end(status, seconds)
        # No address, no query, no agent: nothing here may tell who it was.
        fields = {
            "method": self._environ["REQUEST_METHOD"],
            "path": self._environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
            "status": status,
            "ms": f"{seconds * 1000:.1f}",
            "bytes": self._size,
        }
        access.info("", extra={"fields": fields})


class Answer:
    """What the server iterates over; closing it ends the exchange."""

    def __init__(self, pieces: Iterator[bytes], close: Callable[[], None]) -> None:
        self._pieces = pieces
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


def plain(body: bytes) -> Headers:
    return [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
