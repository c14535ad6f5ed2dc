"""
One change at a time, and everybody is told whose.
"""

from __future__ import annotations

import os
import re
import signal
import time

from cinestream_ops.channel.conversation import Conversation
from tests.conversation.server import apply, begin, planned, until_ready

WHOSE = r"`ann@laptop` is doing `add-site blog` since \d\d:\d\d:\d\d UTC"


def holding(server, conversation: Conversation):
    """A change that waits for its commit."""
    events = begin(conversation, planned(conversation, (server.put("held"),)))
    until_ready(events)
    return events


def test_a_second_change_is_told_at_once_who_makes_the_first(server):
    with server.talk() as first, server.talk() as second:
        holding(server, first)
        *_, last = apply(second, planned(second, (server.put("old"),)))

    assert "locked" == last["kind"]
    assert re.fullmatch(WHOSE, last["why"])


def test_a_second_change_that_waits_comes_after_the_first(server):
    with server.talk() as first, server.talk() as second:
        held = holding(server, first)
        waits = begin(second, planned(second, (server.put("old"),)), wait=30)
        waiting = next(waits)
        first.send({"do": "commit"})
        done = [event["event"] for event in held]
        until_ready(waits)
        second.send({"do": "commit"})
        last = list(waits)[-1]

    assert re.fullmatch(WHOSE, waiting["for"])
    assert ["done"] == done
    assert {"event": "done"} == last


def test_a_killed_holder_holds_nothing(server):
    with server.talk() as first, server.talk() as second:
        plan = planned(second, (server.put("old"),))
        holding(server, first)
        os.kill(server.holder(), signal.SIGKILL)
        time.sleep(0.2)
        *_, last = apply(second, plan)

    assert {"event": "done"} == last
    assert "recovered" == server.history()[0]["outcome"]


def test_looking_waits_for_nobody_and_says_that_somebody_is_at_work(server):
    before = server.look()
    with server.talk() as first:
        holding(server, first)
        facts = server.look(server.put("held"))

    assert not before.busy
    assert facts.busy
    assert facts.recovered is None
    assert facts.items[server.put("held").key]
