"""
What an examination found, told all at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from cinestream_ops.cli import fail, show

STOP, WARN = "stop", "warn"


def tell(found: Sequence[Mapping[str, Any]]) -> None:
    for finding in found:
        if finding["level"] == STOP:
            show.error(finding["what"], finding["hint"])
        elif finding["level"] == WARN:
            show.warning(finding["what"], finding["hint"])
        else:
            show.say(f"ok: {finding['what']}")


def leave(found: Sequence[Mapping[str, Any]]) -> None:
    """Exit with 1 where something is broken."""
    if any(finding["level"] == STOP for finding in found):
        raise typer.Exit(fail.REFUSED)
