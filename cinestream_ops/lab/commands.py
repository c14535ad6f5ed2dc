"""
Programs run to their end, with a bound on how long.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from cinestream_ops.lab.faults import CommandFailed, TookTooLong

# How a work tells where it is: what it does now, steps done, steps in all.  Making a root, packing
# MongoDB and booting are a work each, and count for themselves.
Report = Callable[[str, int, int], None]


def unheard(_text: str, _done: int, _total: int) -> None:
    """A `Report` for those who do not listen."""


def output(*argv: str, feed: str = "", seconds: float = 60) -> str:
    """
    What *argv* writes to stdout; it reads *feed*.

    Raises `CommandFailed` with what it wrote to stderr, and `TookTooLong`.
    """
    try:
        done = subprocess.run(
            argv, input=feed, capture_output=True, text=True, check=True, timeout=seconds
        )
    except subprocess.CalledProcessError as error:
        raise CommandFailed(argv, error.stderr or error.stdout) from None
    except subprocess.TimeoutExpired:
        raise TookTooLong(f"`{argv[0]}`", seconds) from None
    return done.stdout
