"""
The owner's files, read once, with a sentence where that fails.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from cinestream_ops.errors import OpsError

STDIN = Path("-")


def text(path: Path) -> str:
    """What is in the file at *path*, or in stdin for `-`.  Raises `OpsError`."""
    try:
        content = stdin() if path == STDIN else path.expanduser().read_bytes()
    except OSError as error:
        raise OpsError(f"`{path}` cannot be read: {error.strerror}") from None
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise OpsError(f"`{path}` is not UTF-8 text") from None


@cache
def stdin() -> bytes:
    """All of it, also for a command that is begun anew."""
    return sys.stdin.buffer.read()
