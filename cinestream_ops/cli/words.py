"""
Words checked at the door, before any server is asked.
"""

from __future__ import annotations

from typing import TypeVar

from cinestream_ops.errors import OpsError
from cinestream_ops.spec.faults import quoted
from cinestream_ops.spec.words import NotAllowed, Word

W = TypeVar("W", bound=Word)


def checked(kind: type[W], text: str) -> W:
    """*text* as a *kind*; raises `OpsError` with the rule as its hint."""
    try:
        return kind(text)
    except NotAllowed as error:
        shown = f"{quoted(text)} {error}" if error.shown else str(error)
        raise OpsError(shown, error.hint) from None
