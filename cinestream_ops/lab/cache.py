"""
Where a lab keeps what is dear to make and may be lost at any time.
"""

from __future__ import annotations

import os
from pathlib import Path


def folder(name: str) -> Path:
    """The folder *name* under CINESTREAM_CACHE or `~/.cache/cinestream`; made if need be."""
    root = os.environ.get("CINESTREAM_CACHE") or Path.home() / ".cache" / "cinestream"
    path = Path(root).absolute() / "lab" / name
    path.mkdir(parents=True, exist_ok=True)
    return path
