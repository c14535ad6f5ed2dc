"""
A conversation that is begun while Python still imports what the command is made of.

Whatever goes wrong here is left to the command to find.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cinestream_ops.cli import confirm, show
from cinestream_ops.errors import UnknownHostKey

if TYPE_CHECKING:
    from cinestream_ops.channel.bundle import Orders
    from cinestream_ops.channel.conversation import Conversation
    from cinestream_ops.channel.early import Opening
    from cinestream_ops.channel.target import Target

# These speak to no server, or to one that is not known yet.
ALONE = {"server", "lab"}
AT_HOME = {("backup", "list"), ("backup", "prune")}
# The orders that a command will come to, and the kinds of items in them.
PLAIN = ("file", "symlink", "directory", "unit", "check", "gate")
CODE = (*PLAIN, "user", "env", "release", "venv", "mongo-user", "mongo-indexes")
AHEAD: Mapping[str, Orders] = {
    "setup": {"examine": (), "apply": (*CODE, "package", "archive", "mongo-admin")},
    "add-site": {"apply": (*CODE, "certificate")},
    "edit-site": {"apply": PLAIN},
    "deploy": {"apply": (*PLAIN, "release", "venv", "trial")},
    "rollback": {"apply": (*PLAIN, "trial")},
    "stop": {"apply": PLAIN},
    "start": {"apply": PLAIN},
    "maintenance": {"apply": PLAIN},
    "domain": {"apply": (*PLAIN, "certificate")},
}
begun: dict[Target, Opening] = {}


def begin(words: Sequence[str]) -> None:
    """Begin to converse with the server that *words* will talk to, if they will."""
    words = ours(words)
    if not words or words[0].startswith("-") or words[0] in ALONE or {"-h", "--help"} & {*words}:
        return
    if tuple(words[:2]) in AT_HOME:
        return
    from cinestream_ops.channel import inventory
    from cinestream_ops.channel.early import Opening
    from cinestream_ops.state.facts import LOOK

    with suppress(Exception):
        target = inventory.resolve(server(words), os.environ, ssh=named("--ssh", words))
        begun[target] = Opening(target, LOOK, ahead=AHEAD.get(words[0], {}), say=show.say)


def ours(words: Sequence[str]) -> Sequence[str]:
    """*words* without those that are another program's."""
    return words[: words.index("--")] if "--" in words else words


def server(words: Sequence[str]) -> str:
    """The server that *words* name."""
    first = words[0] == "setup" and len(words) > 1 and not words[1].startswith("-")
    return named("--server", words) or (words[1] if first else "")


def named(option: str, words: Sequence[str]) -> str:
    """What *words* say after *option*."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == option:
            return following
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return ""


def end() -> None:
    """Close what was begun and not needed."""
    while begun:
        begun.popitem()[1].drop()


@contextmanager
def conversation(target: Target) -> Iterator[Conversation]:
    """The one with *target* that was begun; else a new one, which asks the owner what it must."""
    from cinestream_ops.channel.conversation import converse
    from cinestream_ops.channel.login import LockedKey

    opening = begun.pop(target, None)
    if opening and not isinstance(opening.failure(), UnknownHostKey | LockedKey):
        with opening.conversation() as early:
            yield early
        return
    with converse(
        target, ask_host_key=confirm.host_key, passphrase=confirm.passphrase, say=show.say
    ) as anew:
        yield anew
