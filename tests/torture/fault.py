"""
What befalls a command in the midst of a change, and when.

The command is the real one, in a process of its own.  It hears of each step as the owner's progress
bar does; the fault strikes at that very moment.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cinestream_ops import lab
from cinestream_ops.channel.conversation import Blob, Conversation, Event
from tests.torture import processes

COMMIT = "commit"
AFTER = "after the commit: "


@dataclass(frozen=True)
class Fault:
    """
    A blow of *kind* to the server *lab*, or to who works on it.

    It strikes at the moment *at*, counted from one, or later: at the first that is not in *past*,
    or at the one called *name*.
    """

    kind: str
    lab: str
    at: int = 1
    past: frozenset[str] = field(default=frozenset())
    name: str = ""

    def meets(self, number: int, moment: str) -> bool:
        return number >= self.at and moment not in self.past and self.name in (moment, "")

    def strike(self) -> None:
        KINDS[self.kind](self.lab)


class Stricken(Conversation):
    """A conversation that a *fault* befalls; *tell* is told of the moment just before."""

    fault: Fault
    tell: Callable[[str], None]

    def events(self, order: Mapping[str, Any], blobs: Mapping[str, Blob] = {}) -> Iterator[Event]:
        moments: list[str] = []
        for event in super().events(order, blobs):
            for name in named(event):
                if name == COMMIT:
                    yield event  # the answer to which is the commit
                kept = AFTER if COMMIT in moments else ""
                moments.append(name)
                moment = f"{kept}{name} {moments.count(name)}"
                if self.fault.meets(len(moments), moment):
                    self.tell(moment)
                    self.fault.strike()
            if event["event"] != "ready":
                yield event


def named(event: Event) -> tuple[str, ...]:
    """The moments that *event* brings: a step was taken, or all were, or all are to be kept."""
    if event["event"] == "step" and event["state"] == "end":
        return (f"{event['phase']} {event['verb']} {event['key']}",)
    return ("ready", COMMIT) if event["event"] == "ready" else ()


def kill_agent(name: str) -> None:
    for pid in processes.agents(name):
        os.kill(pid, signal.SIGKILL)


def kill_controller(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def cut_connection(name: str) -> None:
    """The server's end of it, with all that sshd had to say goodbye with."""
    for pid in processes.agents(name):
        session = processes.parent(pid)
        while "sshd" not in " ".join(processes.argv(session)):
            session = processes.parent(session)
        os.kill(session, signal.SIGKILL)


def cut_power(name: str) -> None:
    lab.power_cut(name)
    kill_controller(name)


KINDS: Mapping[str, Callable[[str], None]] = {
    "agent": kill_agent,
    "controller": kill_controller,
    "connection": cut_connection,
    "power": cut_power,
}
