"""
The agent's own source, packed for the stub.

It may hold nothing but the floors `agent` and `state`, and is the same bytes for the same source.
It crosses the wire in parts, each when the first order comes that needs it: what a look needs, what
a change of files and units needs, and what has to do with the world outside.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from cinestream_ops.agent import program as agent_program
from cinestream_ops.channel.stub import LOADER

ROOT = "cinestream_ops"
FLOORS = ("agent", "state")
LOOK, CHANGE, WORLD = PARTS = ("look", "change", "world")
# Of the floor `agent`; all of `state` comes along.
LOOKING = {
    "main", "kinds", "kit", "lock", "record", "refused", "stops", "unfinished", "wire",
    "archives", "certificates", "disk", "dotenv", "env", "machine", "mongodb",
    "packages", "place", "releases", "systemd", "trees", "units", "users", "venvs",
}  # fmt: skip
CHANGING = {
    "checks", "fences", "incoming", "journal", "nginx", "probes", "program", "reading", "recover",
    "rehearsal", "transaction", "vouch", "wayback",
}  # fmt: skip
# What these are made with is in those two sets.
ORDINARY = {
    "file", "env", "directory", "symlink", "absent", "unit", "check", "fence", "daemon", "gate",
}  # fmt: skip
# Parsing would be exact, and takes twenty times as long; a test compares the trees.
REMOVABLE = re.compile(
    r'''^(?P<indent>\ *)"""[\s\S]*?"""$ | (?P<string>"""[\s\S]*?""") | (^\ * | \ \ )\#\ .*$''',
    re.MULTILINE | re.VERBOSE,
)


@cache
def part(name: str) -> bytes:
    """A compressed program that adds modules; the first also brings the finder that serves them."""
    if name == LOOK:
        return packed(f"SOURCES = {sources(name)!r}\n{LOADER}")
    return packed(f"SOURCES.update({sources(name)!r})\n")


def needed(order: Mapping[str, Any]) -> tuple[str, ...]:
    """The parts that *order* cannot be done without."""
    if order["do"] in {"look", "commit", "stop"}:  # the last two end what is going on
        return (LOOK,)
    kinds = {step["item"]["kind"] for step in order.get("steps", ())}
    changes = order["do"] in {"apply", "read", "vouch"} and kinds <= ORDINARY
    return (LOOK, CHANGE) if changes else PARTS


def program() -> bytes:
    """The agent as a file of its own, for `paths.AGENT`."""
    return agent_program.text([part(name) for name in PARTS])


def packed(text: str) -> bytes:
    return zlib.compress(text.encode(), 9)


def sources(name: str) -> dict[str, str]:
    """Those of the part *name*, by the name of the module; a package is empty."""
    packages = [ROOT, *(f"{ROOT}.{floor}" for floor in FLOORS)] if name == LOOK else []
    found = {module: text for floor in FLOORS for module, text in modules(floor, name)}
    return dict.fromkeys(packages, "") | found


def modules(floor: str, name: str) -> Iterator[tuple[str, str]]:
    files = resources.files(ROOT).joinpath(floor).iterdir()
    for file in sorted(files, key=lambda file: file.name):
        stem, _, ending = file.name.rpartition(".")
        if ending == "py" and stem != "__init__" and part_of(floor, stem) == name:
            yield f"{ROOT}.{floor}.{stem}", bare(file.read_text("utf-8"))


def part_of(floor: str, stem: str) -> str:
    if floor == "state" or stem in LOOKING:
        return LOOK
    return CHANGE if stem in CHANGING else WORLD


def bare(source: str) -> str:
    """*source* without comments and docstrings, with each statement on the line it was on."""
    return REMOVABLE.sub(blank, source)


def blank(found: re.Match[str]) -> str:
    if found["string"]:
        return found[0]
    lines = "\n" * found[0].count("\n")
    return lines if found["indent"] is None else f'{found["indent"]}""{lines}'
