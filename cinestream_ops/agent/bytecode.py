"""
The bytecode of a tree of Python, made where its readers find it.

They cannot write there, and without it compile every module anew at each start.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Failed
from cinestream_ops.agent.venvs import bounded

PATIENCE = 300  # seconds
# Not ours: what is in the working directory, and what the machine's own packages would bring.
COMPILE = ["-I", "-S", "-m", "compileall", "-q"]


def put(tree: Path, home: str, kit: Kit) -> None:
    """
    For each module below *tree*, which is going to stand at *home*.

    What is named like one and does not compile, such as a template, is left as it is.
    """
    named = ["-s", str(tree), "-p", home]
    with suppress(Failed):
        kit.run([*bounded(), sys.executable, *COMPILE, *named, str(tree)], PATIENCE)
