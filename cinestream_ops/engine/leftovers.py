"""
What removed sites have left on a server, because something stood in the way.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterable, Mapping
from typing import Any

from cinestream_ops.channel.conversation import Conversation

Leftover = Mapping[str, Any]  # its key, its site, why it is there, and since when

AGAIN = "`cinestream recover` removes the rest"


def cleared(conversation: Conversation, doing: str, wait: float) -> list[Leftover]:
    """What is still left, after another try to remove it all; raises `Locked`."""
    order = {
        "do": "clear-up",
        "who": f"{getpass.getuser()}@{socket.gethostname()}",
        "doing": doing,
        "wait": wait,
    }
    found: list[Leftover] = conversation.ask(order)["leftovers"]
    return found


def name(left: Leftover) -> str:
    return str(left["key"].partition(":")[2])


def findings(found: Iterable[Leftover]) -> list[dict[str, str]]:
    return [
        {
            "level": "warn",
            "what": f"`{left['site']}` was removed, and `{left['key']}` of it is still there: "
            f"{left['why']}",
            "hint": f"mend what is in the way, then {AGAIN}",
        }
        for left in found
    ]
