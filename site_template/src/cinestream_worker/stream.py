"""
Both directions of a connection, as cheroot reads and writes them.

Its own are made of Python's `_pyio`, line by line in Python; these are made of the interpreter's.
"""

from __future__ import annotations

import io
import socket


class Source(socket.SocketIO):
    """The socket as a raw stream, which has nothing to give while it is *dry*."""

    dry = False

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        return None if self.dry else super().readinto(buffer)


class Reader(io.BufferedReader):
    """What the client says; *bytes_read* counts what was read of bodies."""

    def __init__(self, sock: socket.socket) -> None:
        self._source = Source(sock, "r")
        super().__init__(self._source)
        self.bytes_read = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.bytes_read += len(piece)
        return piece

    def has_data(self) -> bool:
        """Whether there is something in the buffer already; asks the socket nothing."""
        self._source.dry = True
        try:
            return bool(self.peek(1))
        finally:
            self._source.dry = False


class Writer:
    """What the client hears, at once."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.bytes_written = 0

    def write(self, piece: bytes) -> int:
        # Not `sendall`, whose timeout is for all of it: who takes long, and takes some, is served.
        left = memoryview(piece)
        while left:
            left = left[self._socket.send(left) :]
        self.bytes_written += len(piece)
        return len(piece)
