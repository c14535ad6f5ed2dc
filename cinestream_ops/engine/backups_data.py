"""
The data in a backup: whether there is a SQLite database in it.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

from cinestream_ops.agent.data_program import HEADER
from cinestream_ops.engine.backups_folder import Stored
from cinestream_ops.errors import BadSpec, Fault


class Stream(io.RawIOBase):
    """Pieces, read as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        self._rest = self._rest or next(self._pieces, b"")
        size = min(len(into), len(self._rest))
        into[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def has_database(data: Stored) -> bool:
    """
    Whether a file in the archive *data* begins as a SQLite database does.

    No more of it is read here: what a site has written is nothing for the owner's machine to open.
    Raises `BadSpec` if it is no archive.
    """
    try:
        with (
            io.BufferedReader(Stream(data.chunks()), 1 << 20) as file,
            tarfile.open(fileobj=file, mode="r|") as archive,
        ):
            return any(begins(archive, member) for member in archive)
    except (tarfile.TarError, EOFError) as error:
        raise BadSpec([Fault(str(data), f"is torn: {error}", "take another backup")]) from None


def begins(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    # Else it remembers all of them.
    archive.members = []  # type: ignore[attr-defined]
    file = archive.extractfile(member) if member.isfile() else None
    return file is not None and file.read(len(HEADER)) == HEADER
