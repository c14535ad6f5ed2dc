"""
A server of files alone, in a folder of its own, and what a test does with it.

It does not know over which channel it is spoken to.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.state import facts, items, steps
from cinestream_ops.state.facts import Facts
from cinestream_ops.state.items import Item
from cinestream_ops.state.steps import PUT, Step

Streams = Callable[[Path], AbstractContextManager[tuple[BinaryIO, BinaryIO]]]
Event = dict[str, Any]
COMMIT = {"do": "commit"}


@dataclass(frozen=True)
class Server:
    """Its *home* is the agent's, its *land* is what a test may change."""

    streams: Streams
    home: Path
    land: Path

    @contextmanager
    def talk(self) -> Iterator[Conversation]:
        with self.streams(self.home) as (outbox, inbox):
            yield Conversation(outbox, inbox)

    def look(self, *asked: Item) -> Facts:
        with self.talk() as conversation:
            return look(conversation, *asked)

    def apply(self, *wanted: Step | Item, **order: Any) -> list[Event]:
        """All events of a change that is committed once it is ready."""
        with self.talk() as conversation:
            return list(apply(conversation, planned(conversation, wanted), **order))

    def put(self, path: str, content: bytes = b"new\n", **more: Any) -> items.File:
        return items.File(f"{self.land}/{path}", content, **more)

    def tree(self) -> dict[str, tuple[Any, ...]]:
        return tree(self.land)

    def history(self) -> list[Event]:
        path = self.home / "history.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def holder(self) -> int:
        """The process id of whoever makes a change just now."""
        return int(json.loads((self.home / "lock").read_text())["pid"])

    def leftovers(self) -> set[str]:
        """What a change should not leave in the home."""
        kept = {"lock", "history.jsonl", "owned.json"}
        return {path.name for path in self.home.iterdir()} - kept


def look(conversation: Conversation, *asked: Item) -> Facts:
    return facts.facts(conversation.ask({"do": "look", "ask": [items.words(i) for i in asked]}))


def planned(conversation: Conversation, wanted: tuple[Step | Item, ...]) -> list[Step]:
    """Steps that expect what is there now."""
    made = [step if isinstance(step, Step) else Step(PUT, step) for step in wanted]
    found = look(conversation, *(step.item for step in made)).items
    return [replace(step, before=found[step.key]) for step in made]


def apply(
    conversation: Conversation,
    plan: list[Step],
    *,
    blobs: Mapping[str, bytes] | None = None,
    commit: Mapping[str, Any] = COMMIT,
    **more: Any,
) -> Iterator[Event]:
    for event in begin(conversation, plan, blobs=blobs, **more):
        yield event
        if event["event"] == "ready":
            conversation.send(commit)


def begin(
    conversation: Conversation,
    plan: list[Step],
    *,
    blobs: Mapping[str, bytes] | None = None,
    **more: Any,
) -> Iterator[Event]:
    """Events of a change that nobody has committed yet."""
    carried = {name: each for step in plan for name, each in items.blobs(step.item).items()}
    words = [steps.words(step) for step in plan]
    order = {"do": "apply", "steps": words, "who": "ann@laptop", "doing": "add-site blog", **more}
    return conversation.events(order, carried | dict(blobs or {}))


def until_ready(events: Iterator[Event]) -> list[Event]:
    seen = []
    for event in events:
        seen.append(event)
        if event["event"] == "ready":
            break
    return seen


def tree(top: Path) -> dict[str, tuple[Any, ...]]:
    """Everything below *top*: its sort, mode, owner, and what is in it."""
    return {str(path.relative_to(top)): told(path) for path in sorted(top.rglob("*"))}


def told(path: Path) -> tuple[Any, ...]:
    found = path.lstat()
    content: Any = None
    if stat.S_ISREG(found.st_mode):
        content = path.read_bytes()
    elif stat.S_ISLNK(found.st_mode):
        content = str(path.readlink())
    return (stat.filemode(found.st_mode), found.st_uid, found.st_gid, content)
