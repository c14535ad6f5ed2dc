"""
A command that is begun anew when another administrator's change came first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from cinestream_ops.cli import show
from cinestream_ops.cli.options import Changing
from cinestream_ops.errors import Drifted


def patient(command: Callable[..., None]) -> Callable[..., None]:
    """
    *command*, which looks and plans again for as long as `--wait` says, if `--yes` said as well.

    Who wants to see the plan before it is made true decides anew instead.
    """

    @wraps(command)
    def call(**given: Any) -> None:
        asked = next((each for each in given.values() if isinstance(each, Changing)), Changing())
        end = time.monotonic() + (asked.wait if asked.yes else 0)
        while True:
            try:
                return command(**given)
            except Drifted:
                if time.monotonic() >= end:
                    raise
                show.say("Another change came first; looking again")

    return call
