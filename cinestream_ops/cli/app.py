"""
The command `cinestream`: finds the words of a command, and runs it behind the one door for errors.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cinestream_ops.cli import early

PROGRAM = "cinestream"


def run(words: Sequence[str] | None = None) -> None:
    """Run the command in *words*, or in this program's arguments; exits as DESIGN's codes say."""
    words = sys.argv[1:] if words is None else list(words)
    completing = f"_{PROGRAM.upper()}_COMPLETE" in os.environ
    if not completing:
        early.begin(words)
    # Only now, for the time that importing them takes is time in which the server works.
    from cinestream_ops.cli import commands, fail

    try:
        with fail.telling(words):
            root = commands.root(PROGRAM)
            if completing:
                root(prog_name=PROGRAM)
            with root.make_context(PROGRAM, [*words]) as context:
                root.invoke(context)
    finally:
        early.end()
