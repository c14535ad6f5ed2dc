"""
The owner's files, read once, with a sentence where that fails.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cinestream_ops.errors import OpsError

STDIN = Path("-")


def text(path: Path) -> str:
    """What is in the file at *path*, or in stdin for `-`.  Raises `OpsError`."""
    try:
        content = sys.stdin.buffer.read() if path == STDIN else path.expanduser().read_bytes()
    except OSError as error:
        raise OpsError(f"`{path}` cannot be read: {error.strerror}") from None
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise OpsError(f"`{path}` is not UTF-8 text") from None
