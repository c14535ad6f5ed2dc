"""
The agent's own source, packed for the stub.

It may hold nothing but the floors `agent` and `state`, and is the same bytes for the same source.
Of these there crosses the wire what an order needs, which is what its modules import, and no module
twice.
"""

from __future__ import annotations

import bz2
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from cinestream_ops.agent import kinds
from cinestream_ops.agent import program as agent_program
from cinestream_ops.channel.stub import LOADER
from cinestream_ops.state import paths
from cinestream_ops.state.steps import RESTART

ROOT = "cinestream_ops"
AGENT, STATE = f"{ROOT}.agent", f"{ROOT}.state"
# The modules that know the answer to what is asked beside a look.
QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "read": ("reading",),
    "status": ("mongodb_health", "status"),
    "visitors": ("visitors",),
    "strangers": ("strangers",),
    "logs": ("logs",),
    "run": ("run",),
    "backup": ("backup", "mongo_program", "tools"),
    "journal": ("journal",),
    "examine": ("accounts", "examine"),
    "inbound": ("inbound",),
    "check-domain": ("domains", "served"),
    "clear-up": (
        "recover",
        "disk",
        "journals",
        "remains",
        "users",
        "mongodb",
        "mongo_program",
        "tools",
    ),
}
# The modules behind each order, beside `main`, which hears it.
ORDERS: Mapping[str, tuple[str, ...]] = {
    "look": (
        "certificates",
        "leftovers",
        "machine",
        *(kinds.LOOKS[kind] for kind in sorted(kinds.SEEN)),
    ),
    "apply": ("incoming", "transaction", "vouch"),
    "vouch": ("vouch",),
    **{question: ("questions", *behind) for question, behind in QUESTIONS.items()},
    # Said in the midst of another order, where nobody can learn.
    **dict.fromkeys(("commit", "stop"), ()),
}
# nginx is made to show a certificate by a change of its own, which has steps of these kinds.
SWITCHING = {"fence", "file", "gate"}
# The module behind what is done to running units; it stands beside the kinds of the items.
RESTARTING = "handover"
# The module behind what a site that was not to be has begun, when a change is undone.
UNDOING = "remains"
IMPORT = re.compile(
    r"^(?P<later>\ *)from\ cinestream_ops\.agent(?:\.(?P<one>\w+))?\ import\ "
    r"(?P<many>\([^)]*\)|[^\n]*)",
    re.MULTILINE | re.VERBOSE,
)
# Parsing would be exact, and takes twenty times as long; a test compares the trees.
REMOVABLE = re.compile(
    r'''^(?P<indent>\ *)"""[\s\S]*?"""$ (?P<more>\n+(?=(?P=indent)\S))?
        | (?P<string>"""[\s\S]*?""")
        | (^\ * | \ \ )\#\ .*$''',
    re.MULTILINE | re.VERBOSE,
)
SIGNATURE = re.compile(r"^ *def \w+\([\s\S]*?\)(?: -> .*)?:$", re.MULTILINE)
# `: Dict[str, Any]` of a parameter, `-> None` of a result.
TYPE = re.compile(
    r"""(?<=\w):\ (?:"[^"]*" | [^][,()="] | \[(?:[^][] | \[[^][]*\])*\])+?(?=\ =\ |,\s|\n|\))
        | (?<=\))\ ->\ .*(?=:$)""",
    re.VERBOSE,
)
# The same of a variable; four spaces deep it may be a field, which needs it.
VARIABLE = re.compile(r"^((?:\ {8,})?[\w.]+): [A-Z][^=\n]*(?= = )", re.MULTILINE)
# What is needed of `typing` for those alone.
TYPING = re.compile(r"^from typing import (.*)$", re.MULTILINE)

Modules = frozenset[str]
Orders = Mapping[str, Collection[str]]  # with the kinds of the items in them


def needed(order: str, of: Collection[str] = ()) -> Modules:
    """The modules that *order* cannot be done without, for items *of* these kinds."""
    behind = set(ORDERS.get(order, ("questions",)))
    at_work = {kinds.MODULES.get(kind, kind) for kind in of} | (behind & {"transaction"})
    return closure({"main"} | behind | at_work, at_work)


def foreseen(orders: Orders) -> Modules:
    """The modules that a look needs, and those of the *orders* that will follow it."""
    return needed("look").union(*(needed(order, of) for order, of in orders.items()))


def kinds_in(order: Mapping[str, Any]) -> set[str]:
    """The kinds of the items that *order* brings along, or comes to while it is done."""
    steps = order.get("steps", ())
    found = {step["item"]["kind"] for step in steps}
    if "certificate" in found:
        found |= SWITCHING
    specs = f"{paths.SPECS}/sites/"
    if any(not s.get("before") and s["item"].get("path", "").startswith(specs) for s in steps):
        found |= {UNDOING}
    return found | {RESTARTING for step in steps if step["verb"] == RESTART}


def closure(roots: Collection[str], at_work: Collection[str]) -> Modules:
    """*roots* and all they import; those *at_work* also what they import only then."""
    found: set[str] = set()
    open_ends = list(roots)
    while open_ends:
        name = open_ends.pop()
        if name not in found:
            found.add(name)
            open_ends += imports(name, later=name in at_work)
    return frozenset(found)


@cache
def imports(name: str, *, later: bool) -> tuple[str, ...]:
    """The modules of the agent that the module *name* imports: at once, or *later* as well."""
    found = IMPORT.finditer(sources()[f"{AGENT}.{name}"])
    return tuple(
        module for match in found if later or not match["later"] for module in named_in(match)
    )


def named_in(statement: re.Match[str]) -> list[str]:
    """Those that an import *statement* names, whatever they are called from there on."""
    if statement["one"]:
        return [statement["one"]]
    return re.findall(r"(\w+)(?: as \w+)?", statement["many"])


@cache
def first(modules: Modules) -> bytes:
    """A compressed program that holds *modules* and `state`, and the finder that serves them."""
    told = {ROOT: "", AGENT: "", STATE: ""} | of_state() | named(modules)
    return packed(f"SOURCES = {told!r}\n{LOADER}")


@cache
def more(modules: Modules) -> bytes:
    """A compressed program that adds *modules* to those that are there."""
    return packed(f"SOURCES.update({named(modules)!r})\n")


def program() -> bytes:
    """The agent as a file of its own, for `paths.AGENT`."""
    return agent_program.text([first(everything())])


def everything() -> Modules:
    return frozenset(name.removeprefix(f"{AGENT}.") for name in sources() if name.startswith(AGENT))


def packed(text: str) -> bytes:
    return bz2.compress(text.encode())


def named(modules: Modules) -> dict[str, str]:
    return {f"{AGENT}.{name}": sources()[f"{AGENT}.{name}"] for name in sorted(modules)}


def of_state() -> dict[str, str]:
    return {name: text for name, text in sources().items() if name.startswith(STATE)}


@cache
def sources() -> dict[str, str]:
    """The text of every module, by its name, without what is only for readers."""
    return {name: text for floor in (AGENT, STATE) for name, text in modules(floor)}


def modules(floor: str) -> Iterator[tuple[str, str]]:
    files = resources.files(floor).iterdir()
    for file in sorted(files, key=lambda file: file.name):
        stem, _, ending = file.name.rpartition(".")
        if ending == "py" and stem != "__init__":
            yield f"{floor}.{stem}", bare(file.read_text("utf-8"))


def bare(source: str) -> str:
    """*source* without what nobody runs, with each statement on the line it was on."""
    untold = REMOVABLE.sub(blank, source)
    untyped = SIGNATURE.sub(lambda found: TYPE.sub("", found[0]), untold)
    untyped = VARIABLE.sub(r"\1", untyped)
    return TYPING.sub(lambda found: needed_of_typing(found, untyped), untyped)


def needed_of_typing(statement: re.Match[str], source: str) -> str:
    """The import *statement*, with the names that stand in *source* elsewhere."""
    names = [
        name for name in statement[1].split(", ") if len(re.findall(rf"\b{name}\b", source)) > 1
    ]
    return f"from typing import {', '.join(names)}" if names else ""


def blank(found: re.Match[str]) -> str:
    if found["string"]:
        return found[0]
    lines = "\n" * found[0].count("\n")
    # What is nothing but its docstring keeps an empty one.
    return lines if found["more"] or found["indent"] is None else f'{found["indent"]}""{lines}'
