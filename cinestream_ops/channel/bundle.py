"""
The agent's own source, packed for the stub.

It may hold nothing but the floors `agent` and `state`, and is the same bytes for the same source.
What a look needs comes first, and is all that crosses the wire while there is nothing to do.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from functools import cache
from importlib import resources

from cinestream_ops.agent import program as agent_program
from cinestream_ops.channel.stub import LOADER

ROOT = "cinestream_ops"
FLOORS = ("agent", "state")
# Of the floor `agent`; all of `state` comes along.
LOOKING = {
    "main", "kinds", "kit", "lock", "record", "refused", "stops", "unfinished", "wire",
    "archives", "certificates", "disk", "dotenv", "env", "machine", "mongo_program", "mongodb",
    "packages", "place", "releases", "systemd", "tars", "tls", "tools", "trees", "units", "users",
    "venvs",
}  # fmt: skip
# Parsing would be exact, and takes twenty times as long; a test compares the trees.
REMOVABLE = re.compile(
    r'''^(?P<indent>\ *)"""[\s\S]*?"""$ | (?P<string>"""[\s\S]*?""") | (^\ * | \ \ )\#\ .*$''',
    re.MULTILINE | re.VERBOSE,
)


@cache
def first() -> bytes:
    """A compressed program: what is needed for a look, and the finder that serves modules."""
    return packed(f"SOURCES = {sources(looking=True)!r}\n{LOADER}")


@cache
def rest() -> bytes:
    return packed(f"SOURCES.update({sources(looking=False)!r})\n")


def program() -> bytes:
    """The agent as a file of its own, for `paths.AGENT`."""
    return agent_program.text([first(), rest()])


def packed(text: str) -> bytes:
    return zlib.compress(text.encode(), 9)


def sources(*, looking: bool) -> dict[str, str]:
    """By the name of the module; a package is empty."""
    names = [ROOT, *(f"{ROOT}.{floor}" for floor in FLOORS)] if looking else []
    found = {name: text for floor in FLOORS for name, text in modules(floor, looking=looking)}
    return dict.fromkeys(names, "") | found


def modules(floor: str, *, looking: bool) -> Iterator[tuple[str, str]]:
    files = resources.files(ROOT).joinpath(floor).iterdir()
    for file in sorted(files, key=lambda file: file.name):
        stem, _, ending = file.name.rpartition(".")
        early = floor == "state" or stem in LOOKING
        if ending == "py" and stem != "__init__" and early is looking:
            yield f"{ROOT}.{floor}.{stem}", bare(file.read_text("utf-8"))


def bare(source: str) -> str:
    """*source* without comments and docstrings, with each statement on the line it was on."""
    return REMOVABLE.sub(blank, source)


def blank(found: re.Match[str]) -> str:
    if found["string"]:
        return found[0]
    lines = "\n" * found[0].count("\n")
    return lines if found["indent"] is None else f'{found["indent"]}""{lines}'
