"""
A server that speaks the agent's protocol and keeps what it is given in memory.
"""

from __future__ import annotations

import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from threading import Thread
from typing import Any

from cinestream_ops import engine
from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.channel.target import Target
from cinestream_ops.cli.session import Session
from cinestream_ops.plan import Plan
from cinestream_ops.state import frames, items
from cinestream_ops.state.facts import Machine
from cinestream_ops.state.items import EnvFile, File, Item
from cinestream_ops.state.steps import FOLLOW_UP, PUT, Step

SPECS = "/etc/cinestream/"


@dataclass
class Server:
    """
    What stands on it, and the orders it was given; *refusal* is its answer to a change.

    A *program* says its pieces, each to its stream, and ends with *code*.
    """

    specs: dict[str, str] = field(default_factory=dict)
    items: dict[str, Any] = field(default_factory=dict)
    owned: dict[str, Any] = field(default_factory=dict)
    certificates: dict[str, Any] = field(default_factory=dict)
    machine: Machine = field(default_factory=lambda: Machine(memory=1 << 30, nginx="1.22.1"))
    refusal: dict[str, Any] = field(default_factory=dict)
    orders: list[dict[str, Any]] = field(default_factory=list)
    program: list[tuple[str, bytes]] = field(default_factory=list)
    code: int = 0

    @contextmanager
    def session(self) -> Iterator[Session]:
        ours, theirs = socket.socketpair()
        serving = Thread(target=self.serve, args=(theirs,))
        serving.start()
        with ours, ours.makefile("wb") as outbox, ours.makefile("rb") as inbox:
            target = Target("web1", host="192.0.2.1")
            conversation = Conversation(outbox, inbox, target)
            yield Session(target, conversation, engine.look(conversation))
            ours.shutdown(socket.SHUT_WR)
            serving.join(5)

    def serve(self, stream: socket.socket) -> None:
        with stream, stream.makefile("rb") as inbox, stream.makefile("wb") as outbox:
            frames.receive(inbox)
            try:
                while True:
                    order = frames.receive_message(inbox)
                    self.orders.append(order)
                    ORDERS[order["do"]](self, order, inbox, outbox)
            except EOFError:
                return

    def look(self, _order, _inbox, outbox) -> None:
        frames.send_message(
            outbox,
            event="facts",
            machine={**asdict(self.machine), "now": time.time()},
            specs=self.specs,
            items=self.items,
            owned=self.owned,
            listeners=[],
            certificates=self.certificates,
        )

    def learn(self, _order, inbox, _outbox) -> None:
        frames.receive(inbox)

    def read(self, order, _inbox, outbox) -> None:
        frames.send_message(outbox, event="contents", files=dict.fromkeys(order["paths"]))

    def strangers(self, _order, _inbox, outbox) -> None:
        nobody = {"lineages": {}, "served": {}, "defaults": []}
        frames.send_message(outbox, event="strangers", **nobody)

    def apply(self, order, inbox, outbox) -> None:
        for _, size in order.get("blobs", ()):
            left = size
            while left > 0:
                left -= len(frames.receive(inbox))
        if self.refusal:
            frames.send_message(outbox, event="refused", restored=True, **self.refusal)
            return
        frames.send_message(outbox, event="ready")
        assert {"do": "commit"} == frames.receive_message(inbox)
        for words in order["steps"]:
            if words["phase"] == FOLLOW_UP:
                key = items.item(words["item"]).key
                frames.send_message(outbox, event="outcome", key=key, ok=True, why="", state=None)
        frames.send_message(outbox, event="done")

    def run(self, _order, _inbox, outbox) -> None:
        if self.refusal:
            frames.send_message(outbox, event="refused", restored=False, **self.refusal)
            return
        for to, piece in self.program:
            data = b64encode(piece).decode()
            frames.send_message(outbox, event="output", to=to, data=data)
        frames.send_message(outbox, event="ended", code=self.code)

    def have(self, plan: Plan) -> None:
        """Everything of *plan*, as if it had been done."""
        for step in plan.steps:
            if step.verb == PUT:
                self.put(step)

    def put(self, step: Step) -> None:
        item = step.item
        if (fact := made(item)) is None:
            return
        self.items[item.key] = fact
        self.owned[item.key] = {"words": items.words(item), "fact": fact, "site": step.site}
        if isinstance(item, File) and item.path.startswith(SPECS) and item.path.endswith(".toml"):
            self.specs[item.path.removeprefix(SPECS)] = item.content.decode()


ORDERS = {
    "look": Server.look,
    "learn": Server.learn,
    "read": Server.read,
    "strangers": Server.strangers,
    "apply": Server.apply,
    "run": Server.run,
}


def made(item: Item) -> Any:
    if isinstance(item, EnvFile):
        hidden = [*dict(item.generated), *item.secrets]
        mode = {"mode": item.mode, "owner": item.owner, "group": item.group}
        return {**mode, "plain": dict(item.plain), "hidden": hidden}
    return item.mark or None
