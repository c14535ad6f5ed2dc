"""
The command `cinestream`: finds the words of a command, and runs it behind the one door for errors.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cinestream_ops.cli import commands, early, fail

PROGRAM = "cinestream"


def run(words: Sequence[str] | None = None) -> None:
    """Run the command in *words*, or in this program's arguments; exits as DESIGN's codes say."""
    words = sys.argv[1:] if words is None else list(words)
    with fail.telling(words):
        root = commands.root(PROGRAM)
        if f"_{PROGRAM.upper()}_COMPLETE" in os.environ:
            root(prog_name=PROGRAM)
        early.begin(words)
        with root.make_context(PROGRAM, [*words]) as context:
            root.invoke(context)
