"""
A command's conversation with the server that its options name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from cinestream_ops import engine
from cinestream_ops.channel import inventory
from cinestream_ops.channel.target import Target
from cinestream_ops.cli import early, progress, show
from cinestream_ops.cli.options import Changing, Reading
from cinestream_ops.engine import Conversation, Found
from cinestream_ops.errors import NotFound, OpsError
from cinestream_ops.spec.house import House
from cinestream_ops.spec.site import Site


@dataclass(frozen=True)
class Session:
    """The server that was asked for, and what was found on it."""

    target: Target
    conversation: Conversation
    found: Found

    @property
    def house(self) -> House:
        return self.found.house

    def site(self, name: str) -> Site:
        """The site *name*; `NotFound` says which there are."""
        if name not in self.house.sites:
            raise NotFound(f"there is no site `{name}`", alternatives(name, list(self.house.sites)))
        return self.house.sites[name]

    def need_server(self) -> None:
        if self.house.server is None:
            raise OpsError("this server is not set up yet", "`cinestream setup` does it")


@contextmanager
def opened(asked: Reading) -> Iterator[Session]:
    target = inventory.resolve(asked.server, os.environ, ssh=asked.ssh)
    with early.conversation(target) as conversation:
        engine.prepare()
        found = engine.look(conversation, wait=patience(asked), report=progress.waiting)
        warn_of_recovered(found.facts.recovered)
        yield Session(target, conversation, found)


def warn_of_recovered(told: Mapping[str, Any] | None) -> None:
    if told and told["failed"]:
        show.warning(
            "a change that was cut off earlier could not be undone in whole",
            "`cinestream recover` tells what stands in the way",
        )
    elif told:
        show.warning("a change that was cut off earlier has been undone just now")


def patience(asked: Reading) -> float | None:
    """How long to wait for another administrator, in seconds; who only reads need not."""
    changes = isinstance(asked, Changing) and not asked.plan_only
    return asked.wait if changes else None


def alternatives(name: str, known: list[str]) -> str:
    if close := get_close_matches(name, known, n=1):
        return f"did you mean `{close[0]}`?"
    if known:
        return f"sites there: {show.few(known)}"
    return "`cinestream add-site NAME` adds the first"
