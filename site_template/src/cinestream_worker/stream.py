"""
Both directions of a connection, as cheroot reads and writes them.

Its own are made of Python's `_pyio`, line by line in Python; these are made of the interpreter's.
"""

from __future__ import annotations

import io
import os
import select
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
    """
    What the client hears, at once; one that takes nothing for *patience* seconds is given up.

    Who takes long, and takes some, is served.
    """

    def __init__(self, sock: socket.socket, patience: int) -> None:
        self._socket = sock
        self._patience = patience
        self.bytes_written = 0

    def write(self, piece: bytes) -> int:
        left = memoryview(piece)
        while left:
            # Not by the socket, which asks the kernel whether it may send before it sends.
            try:
                left = left[os.write(self._socket.fileno(), left) :]
            except BlockingIOError:
                self._await_room()
        self.bytes_written += len(piece)
        return len(piece)

    def _await_room(self) -> None:
        eye = select.poll()
        eye.register(self._socket, select.POLLOUT)
        if not eye.poll(self._patience * 1000):
            raise TimeoutError("timed out")
