"""
A report of our own mistakes: what was run and where it broke.  It holds no values of variables.
"""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from cinestream_ops import __version__
from cinestream_ops.cli import mouth


def report(error: BaseException, words: Sequence[str]) -> Path:
    """Where the report of *error* was written; readable by its owner alone."""
    handle, name = tempfile.mkstemp(prefix="bug-", suffix=".txt", dir=folder())
    text = "".join((*heading(words), *traceback.format_exception(error)))
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        # Whoever reads it does so on a terminal.
        out.write("\n".join(mouth.lines(text)))
    return Path(name)


def heading(words: Sequence[str]) -> Iterator[str]:
    yield f"cinestream {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    yield f"command: {' '.join(map(masked, words))}\n\n"


def masked(word: str) -> str:
    """*word* without what follows its `=`: values may be nobody else's business."""
    key, equals, _ = word.partition("=")
    return f"{key}=…" if equals else key


def folder() -> str | None:
    """The owner's state directory, or None for the temporary one where that cannot be had."""
    home = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    state = Path(home) / "cinestream"
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return None
    return str(state) if os.access(state, os.W_OK) else None
