"""
The text of the owner's ssh_config, whole.

`Include` is resolved here because paramiko does not; what the text means is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

OWN = "~/.ssh/config"
SYSTEM = "/etc/ssh/ssh_config"
DEEPEST = 16  # as ssh itself: READCONF_MAX_DEPTH in readconf.c
WORDS = re.compile(r"\s*(\w+)(?:\s*=\s*|\s+)(.*?)\s*$")


def text() -> str:
    """The owner's file before the system's: the first value found counts (ssh_config(5))."""
    return "\n".join((*_lines(OWN, "~/.ssh"), "Host *", *_lines(SYSTEM, "/etc/ssh"), ""))


def aliases() -> frozenset[str]:
    """Hosts that the owner gave a name of their own, patterns aside."""
    words = (found for line in _lines(OWN, "~/.ssh") if (found := WORDS.match(line)))
    names = (found[2].split() for found in words if found[1].lower() == "host")
    return frozenset(name for each in names for name in each if not re.search(r"[*?!]", name))


def _lines(path: str, home: str, depth: int = 0) -> Iterator[str]:
    try:
        lines = Path(path).expanduser().read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        found = WORDS.match(line)
        if found and found[1].lower() == "include":
            yield from _included(found[2], home, depth + 1)
        else:
            yield line


def _included(words: str, home: str, depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        return
    for word in words.split():
        pattern = Path(home).expanduser() / Path(word.strip('"')).expanduser()
        for path in sorted(Path("/").glob(str(pattern).lstrip("/"))):
            yield from _lines(str(path), home, depth)
