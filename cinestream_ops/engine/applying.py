"""
A plan made true: whole, or not at all.
"""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cinestream_ops.channel.conversation import (
    REFUSALS,
    AgentBug,
    Blob,
    Conversation,
    Event,
    converse,
)
from cinestream_ops.engine.carried import Carried
from cinestream_ops.engine.planning import NOTHING, uploads
from cinestream_ops.errors import OpsError, Refused, StrangeAnswer, UnknownHostKey, Unreachable
from cinestream_ops.plan import Plan
from cinestream_ops.state import items, steps
from cinestream_ops.state.items import EnvFile
from cinestream_ops.state.steps import PUT

TRIES, PAUSE = 3, 1.0  # of a second connection, and seconds between two


@dataclass(frozen=True)
class Outcome:
    """What came of the steps that could fail without undoing the change: key, ok, why, state."""

    follow_ups: tuple[Event, ...] = field(default=())


def apply(
    conversation: Conversation,
    plan: Plan,
    *,
    carried: Carried = NOTHING,
    doing: str,
    wait: float = 0,
    batch: int = 25,
    report: Callable[[Event], None] = lambda _: None,
) -> Outcome:
    """
    Take every step of *plan*, hear that the server is well, and tell it to keep the change.

    *doing* is the command in the owner's words; *wait* is how long, in seconds, to wait for
    another administrator; *batch* is how many per cent of a site's workers may restart at a time.
    Raises `Locked`, `Drifted` or `Refused`; the server is then as it was.
    """
    follow_ups = []
    event: Event = {}
    for event in conversation.events(order(plan, doing, wait, batch), payloads(plan, carried)):
        report(event)
        if event["event"] == "refused":
            raise refusal(event)
        if event["event"] == "ready":
            commit(conversation, event.get("token"))
        if event["event"] == "outcome":
            follow_ups.append(event)
            if len(follow_ups) > len(plan.steps):
                raise StrangeAnswer("outcomes of more steps than it was given")
    if event["event"] != "done":
        raise AgentBug(f"`{event['event']}` was its last word about a change")
    return Outcome(tuple(follow_ups))


def order(plan: Plan, doing: str, wait: float, batch: int) -> dict[str, Any]:
    return {
        "do": "apply",
        "steps": [steps.words(step) for step in plan.steps],
        "forget": list(plan.forget),
        "adopt": [{"site": site, "words": items.words(item)} for site, item in plan.adopt],
        "who": f"{getpass.getuser()}@{socket.gethostname()}",
        "doing": doing,
        "wait": wait,
        "batch": batch,
        "fresh": plan.touches_access,
        "specs": plan.specs if plan.touches_specs else None,
    }


def payloads(plan: Plan, carried: Carried) -> dict[str, Blob]:
    """Every blob that the agent is to be sent, by name."""
    needed: dict[str, Blob] = dict(uploads(plan, carried).uploads)
    for step in plan.steps:
        if step.verb == PUT:
            needed |= items.blobs(step.item)
            needed |= secrets(step.item, step.site, carried)
    return needed


def secrets(item: items.Item, site: str, carried: Carried) -> dict[str, bytes]:
    if not isinstance(item, EnvFile):
        return {}
    return {
        f"secret:{name}": carried.secrets[f"{site}/{name}"].reveal().encode() for name in item.given
    }


def commit(conversation: Conversation, token: str | None) -> None:
    """The word that keeps the change; with a *token*, only if a new connection can bring it."""
    if token is None:
        conversation.send({"do": "commit"})
    else:
        vouched(conversation, token)


def vouched(conversation: Conversation, token: str, tries: int = TRIES) -> None:
    try:
        vouch(conversation, token)
    except Unreachable as error:
        if tries == 1:
            raise Refused(
                f"a second connection did not get in, so the change is undone: {error}", error.hint
            ) from error
        # sshd, told to read its files anew, is away for a moment.
        time.sleep(PAUSE)
        vouched(conversation, token, tries - 1)


def vouch(conversation: Conversation, token: str) -> None:
    assert conversation.target, "a conversation that changes who gets in knows its target"
    with converse(conversation.target, ask_host_key=never, **conversation.options) as second:
        second.ask({"do": "vouch", "token": token})


def never(_: UnknownHostKey) -> bool:
    return False


def refusal(event: Event) -> OpsError:
    error = REFUSALS[event["kind"]](event["why"], event.get("hint", ""))
    if not event.get("restored", True):
        error.hint = "some of it could not be put back; the next command tries again"
    return error
