"""
A connection that is begun while Python still imports what the command is made of.

Reaching a server is mostly waiting.  Whatever goes wrong here is left to the command to find.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cinestream_ops.errors import OpsError

if TYPE_CHECKING:
    from cinestream_ops.channel.target import Target

# These speak to no server, or to one that is not known yet.
ALONE = {"server", "lab"}
begun: dict[Any, Any] = {}


def begin(words: Sequence[str]) -> None:
    """Begin to connect to the server that *words* will talk to, if they will."""
    if not words or words[0].startswith("-") or words[0] in ALONE or {"-h", "--help"} & {*words}:
        return
    from cinestream_ops.channel import inventory
    from cinestream_ops.channel.ssh import open_early

    with suppress(OpsError):
        target = inventory.resolve(server(words), os.environ)
        if target.host:
            begun[target] = open_early(target)


def server(words: Sequence[str]) -> str:
    """The server that *words* name."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--server":
            return following
        if word.startswith("--server="):
            return word.partition("=")[2]
    named = words[0] == "setup" and len(words) > 1 and not words[1].startswith("-")
    return words[1] if named else ""


def taken(target: Target) -> dict[str, Any]:
    """The option of a conversation with *target* that uses the connection, if it was begun."""
    opening = begun.pop(target, None)
    return {"early": opening} if opening else {}
