"""
The contents of files, for a diff before the change.

It may not read what was not looked at in this conversation, nor any `.env`.
"""

from __future__ import annotations

from binascii import b2a_base64
from typing import Collection, Dict, Iterable, Optional

from cinestream_ops.agent.place import Place
from cinestream_ops.agent.refused import Refused


def files(paths: Iterable[str], readable: Collection[str]) -> Dict[str, Optional[str]]:
    """In base64, by path; None where there is no file."""
    return {path: content(path, readable) for path in paths}


def content(path: str, readable: Collection[str]) -> Optional[str]:
    if path.endswith(".env") or path not in readable:
        raise Refused(f"`{path}` is not a file that is shown")
    try:
        with Place(path) as here:
            return b2a_base64(here.content(), newline=False).decode() if here.is_file() else None
    except FileNotFoundError:
        return None
