"""
What the owner asked for, as it stands on this server.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict

from cinestream_ops.state import paths
from cinestream_ops.state.items import digest


def texts() -> Dict[str, str]:
    """Every spec, by its path below `/etc/cinestream`."""
    folder = Path(paths.SPECS)
    found = [*folder.glob("server.toml"), *sorted(folder.glob("sites/*.toml"))]
    return {str(path.relative_to(folder)): path.read_text() for path in found}


def digests() -> Dict[str, str]:
    return {path: digest(text.encode()) for path, text in texts().items()}
