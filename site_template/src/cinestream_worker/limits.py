"""
How much one worker takes upon itself, as its environment says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cinestream_worker.errors import StartError


def number(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    """The whole number of 1 to *most* that the variable *name* holds.  Raises `StartError`."""
    text = environ.get(name, "") or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise StartError(f"{name} is not a whole number of 1 to {most}")
    return int(text)


@dataclass(frozen=True)
class Limits:
    """How much one worker does at once, takes in, and finishes after it is told to stop."""

    threads: int
    body_bytes: int
    send_seconds: int
    drain_seconds: int

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Limits:
        return cls(
            threads=number(environ, "THREADS", 4, 64),
            # nginx decides what may be sent, how much and how slowly it may be taken.
            body_bytes=number(environ, "MAX_BODY_BYTES", 2**40, 2**40),
            send_seconds=number(environ, "SEND_SECONDS", 3600, 86400),
            drain_seconds=number(environ, "DRAIN_SECONDS", 25, 3600),
        )
