"""
The agent: answers orders, one after the other, until its inbox ends.

It does nothing that it was not told in this conversation, but to undo what an earlier one left.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Mapping, Set

import cinestream_ops
from cinestream_ops.agent import kinds, lock, record, specs, unfinished
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.stops import Stops
from cinestream_ops.agent.wire import Wire
from cinestream_ops.state import frames, items, steps
from cinestream_ops.state.steps import PUT, Step

PATIENCE = 120  # seconds that a finished change waits for its commit

Order = Dict[str, Any]


def serve(inbox: BinaryIO, home: str) -> None:
    """Speak on what is stdout now; a stray print goes to stderr, and cannot tear a frame."""
    outbox = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    main(inbox, outbox, home)


def main(inbox: BinaryIO, outbox: BinaryIO, home: str) -> None:
    os.umask(0o022)
    os.chdir("/")
    stops = Stops()
    stops.listen()
    agent = Agent(Wire(inbox, outbox, stops), Path(home))
    try:
        while True:
            agent.answer(agent.wire.hear())
    except (EOFError, frames.Strange):
        return


class Agent:
    """One conversation on this server."""

    def __init__(self, wire: Wire, home: Path) -> None:
        self.wire, self.tell, self.home = wire, wire.tell, home
        self.recovered: Any = None
        self.started = False
        self.readable: Set[str] = set()

    def answer(self, order: Order) -> None:
        """Do what *order* says; whatever goes wrong is told, and the conversation goes on."""
        try:
            self.start(order["do"])
            ORDERS.get(order["do"], Agent.question)(self, order)
        except EOFError as error:
            with self.wire.stops.alone():
                self.refuse(Refused(str(error)))
            raise
        except Refused as error:
            self.refuse(error)
        except Exception as error:  # it is ours, so the other side should report it
            self.tell("bug", trace=traceback.format_exc())
            # What is left in the inbox may be anything.
            raise EOFError("a bug of ours") from error

    def refuse(self, error: Refused) -> None:
        self.tell(
            "refused", why=error.why, hint=error.hint, kind=error.kind, restored=error.restored
        )

    def start(self, order: str) -> None:
        """Before anything is looked at or changed, undo what an earlier change left."""
        if order == "apply" or not self.started:
            self.started = True
            self.recovered = unfinished.undone(self.home) or self.recovered

    def look(self, order: Order) -> None:
        from cinestream_ops.agent import certificates, leftovers, machine, units

        busy = lock.may_be_held(self.home)
        if "wait" in order:
            lock.passed(self.home, order["wait"], self.waiting)
        owned = {} if "brief" in order else record.owned(self.home)
        owned.update(units.strays(owned))
        asked = [*(each["words"] for each in owned.values()), *order["ask"]]
        found = {item.key: item for item in map(items.item, asked)}
        self.readable |= {item.name for item in found.values() if item.kind == "file"}
        self.tell(
            "facts",
            machine=machine.machine(),
            specs=specs.texts(),
            items=kinds.look(found.values()),
            owned=owned,
            listeners=machine.listeners(),
            certificates=certificates.records(str(self.home)),
            recovered=self.recovered,
            leftovers=leftovers.told(self.home),
            busy=busy,
        )

    def waiting(self, whom: str) -> None:
        self.tell("waiting", **{"for": whom})

    def apply(self, order: Order) -> None:
        from cinestream_ops.agent import incoming
        from cinestream_ops.agent.transaction import Transaction

        try:
            blobs = incoming.received(order.get("blobs", ()), self.wire, self.home)
            kit = Kit(self.home, self.tell, blobs, self.wire.stops)
            taken = [step(words, kit) for words in order["steps"]]
            Transaction(taken, order, kit).run(lambda: self.hear_commit(order))
        finally:
            incoming.discard(self.home)
        self.tell("done")

    def learn(self, _: Order) -> None:
        """The rest of us, sent before the first order that needs it; nobody waits for an answer."""
        learn = cinestream_ops.learn  # type: ignore[attr-defined]
        learn(frames.receive(self.wire.inbox))

    def question(self, order: Order) -> None:
        from cinestream_ops.agent import questions

        questions.QUESTIONS[order["do"]](self, order)

    def hear_commit(self, order: Order) -> None:
        """`EOFError` if nobody says it in time."""
        from cinestream_ops.agent import vouch

        if order.get("fresh"):
            token = vouch.token()
            self.tell("ready", token=token)
            vouch.awaited(self.home, token, self.wire, PATIENCE)
            return
        self.tell("ready")
        if self.wire.hear(PATIENCE) != {"do": "commit"}:
            raise Refused("the controller changed its mind")

    def vouch(self, order: Order) -> None:
        from cinestream_ops.agent import vouch

        vouch.vouch(self.home, order["token"])
        self.tell("vouched")


ORDERS: Dict[str, Callable[[Agent, Order], None]] = {
    "learn": Agent.learn,
    "look": Agent.look,
    "apply": Agent.apply,
    "vouch": Agent.vouch,
}


def step(words: Mapping[str, Any], kit: Kit) -> Step:
    """The step that *words* tell of; only what is put needs its contents."""
    values = words["item"].values() if words["verb"] == PUT else ()
    names = [value["blob"] for value in values if isinstance(value, dict)]
    return steps.step(words, {name: kit.blob(name) for name in names})
