"""
A conversation that is begun, and asked its first question, before anybody needs the answer.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from cinestream_ops.channel.early import Opening
from cinestream_ops.cli import early
from cinestream_ops.errors import UnknownHostKey, Unreachable
from cinestream_ops.state import facts
from cinestream_ops.state.facts import LOOK


@pytest.fixture
def opened(box, tmp_path):
    """Begins a conversation with a server of files alone."""
    with ExitStack() as stack:

        def opening(order=LOOK, **changed) -> Opening:
            begun = Opening(box.but(**changed), order, home=str(tmp_path / "home"))
            stack.callback(begun.drop)
            return begun

        yield opening


def test_what_is_foreseen_is_asked_once(server):
    with server.talk() as conversation:
        conversation.foresee(LOOK)
        conversation.foresee = conversation.send = None

        answer = conversation.ask(LOOK)

    assert "facts" == answer["event"]


def test_who_asks_something_else_gets_the_answer_to_that(server):
    with server.talk() as conversation:
        conversation.foresee(LOOK)

        answer = conversation.ask({"do": "history"})
        after = conversation.ask(LOOK)

    assert ["history", "facts"] == [answer["event"], after["event"]]


def test_a_conversation_begun_early_has_its_answer_waiting(opened):
    with opened().conversation() as conversation:
        found = facts.facts(conversation.ask(LOOK))

    assert not found.busy


def test_what_went_wrong_is_told_to_who_needs_the_conversation(opened):
    begun = opened(port=1)

    assert isinstance(begun.failure(), Unreachable)
    with pytest.raises(Unreachable, match="refused the connection"), begun.conversation():
        pass


def test_what_only_the_owner_can_answer_is_asked_anew(opened, box, tmp_path):
    known = str(tmp_path / "known")
    early.begun[box.but(known_hosts=known)] = begun = opened(known_hosts=known)

    assert isinstance(begun.failure(), UnknownHostKey)
    with pytest.raises(UnknownHostKey), early.conversation(box.but(known_hosts=known)):
        pass

    assert {} == early.begun


def test_an_early_conversation_that_is_not_needed_is_closed(opened):
    begun = opened()

    begun.drop()

    with pytest.raises(Unreachable), begun.conversation() as conversation:
        conversation.ask(LOOK)
