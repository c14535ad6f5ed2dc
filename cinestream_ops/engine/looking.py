"""
One look at a server: its specs, and everything it has.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.state import facts as told
from cinestream_ops.state.facts import Facts


@dataclass(frozen=True)
class Found:
    """
    What the owner asked for so far, and what the server has.

    By *ahead* seconds the server's clock goes before this machine's.
    """

    house: House
    facts: Facts
    ahead: float = 0.0


def look(
    conversation: Conversation,
    *,
    wait: float | None = None,
    report: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Found:
    """
    Everything, in one round trip; `BadSpec` when the specs there were broken by hand, `OpsError`
    when a later version of us has changed the server: what it wrote we would misread.

    Who means to change something gives *wait*, in seconds: another administrator's change must
    be over by then, else this raises `Locked`.
    """
    facts = told.facts(conversation.ask(told.LOOK))
    if facts.busy and wait is not None:
        # What a change in the making looks like is nothing to plan on.
        facts = told.facts(conversation.ask({**told.LOOK, "wait": wait}, report))
    return Found(toml.load(facts.specs), facts, facts.machine.now - time.time())
