"""
An SSH channel as two plain byte streams.

The same kind of pair that a local process has, so that nobody above can tell them apart.
"""

from __future__ import annotations

import io
from collections import deque
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paramiko import Channel
    from typing_extensions import Buffer

BUFFER = 64 * 1024
LAST_WORDS = 8 * 1024  # bytes of stderr that are kept


class Inbound(io.RawIOBase):
    """What the remote program writes to its stdout."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        data = self._channel.recv(len(view))
        view[: len(data)] = data
        return len(data)


class Outbound(io.RawIOBase):
    """What the remote program reads from its stdin; closing it is its end of file."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        # One packet at a time, or every call would copy all that is still to be sent.
        piece = bytes(memoryview(data)[: self._channel.out_max_packet_size])
        try:
            sent = self._channel.send(piece)
        except OSError:
            sent = 0
        if piece and not sent:
            raise BrokenPipeError("the remote program is gone")
        return sent

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._channel.shutdown_write()


class LastWords(Thread):
    """
    Reads the remote stderr to its end and keeps its tail.

    It shares a flow-control window with stdout: left alone, it would bring both to a halt.
    """

    def __init__(self, channel: Channel) -> None:
        super().__init__(daemon=True, name="remote stderr")
        self._channel = channel
        self._pieces: deque[bytes] = deque()
        self.start()

    def run(self) -> None:
        while piece := self._channel.recv_stderr(BUFFER):
            self._pieces.append(piece)
            while sum(map(len, self._pieces)) - len(self._pieces[0]) > LAST_WORDS:
                self._pieces.popleft()

    def text(self) -> str:
        """Complete once the program has ended; waits a second for that."""
        self.join(1)
        return b"".join(tuple(self._pieces))[-LAST_WORDS:].decode(errors="replace").strip()
