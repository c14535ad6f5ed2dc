"""
Content of any size, kept on this machine's disk until it is sent.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import BinaryIO

CHUNK = 256 * 1024


class Spool:
    """A file without a name, closed with the last reference to this; written once, then read."""

    def __init__(self) -> None:
        self.file: BinaryIO = TemporaryFile(prefix="cinestream-")  # noqa: SIM115
        weakref.finalize(self, self.file.close)

    @property
    def size(self) -> int:
        self.file.flush()
        return os.fstat(self.file.fileno()).st_size

    @property
    def digest(self) -> str:
        found = hashlib.sha256()
        for chunk in self.chunks():
            found.update(chunk)
        return found.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """All of it, from the beginning, as often as it is asked for."""
        left, at = self.size, 0
        while left > at:
            chunk = os.pread(self.file.fileno(), CHUNK, at)
            at += len(chunk)
            yield chunk
