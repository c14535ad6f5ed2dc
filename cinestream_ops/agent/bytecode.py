"""
The bytecode of a tree of Python, made where its readers find it.

They cannot write there, and without it compile every module anew at each start.  What is compiled
may be made to harm who compiles it.
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from pathlib import Path

from cinestream_ops.agent import sandbox, transient
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Failed

PATIENCE = 300  # seconds
# Not ours: what is in the working directory, and what the machine's own packages would bring.
COMPILE = ["-I", "-S", "-m", "compileall", "-q"]


def put(tree: Path, home: str, kit: Kit) -> None:
    """
    For each module below *tree*, which is going to stand at *home*.

    What is named like one and does not compile, such as a template, is left as it is.
    """
    command = [sys.executable, *COMPILE, "-s", str(tree), "-p", home, str(tree)]
    # One that a dead agent has left would go on to write where we begin anew.
    unit = f"cinestream-compile-{hashlib.sha256(home.encode()).hexdigest()[:16]}.service"
    with suppress(Failed):
        transient.run(unit, command, sandbox.of_compiling(str(tree)), PATIENCE, kit)
