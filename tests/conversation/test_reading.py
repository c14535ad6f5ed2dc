"""
What may be asked without a change.
"""

from __future__ import annotations

from base64 import b64decode

import pytest

from cinestream_ops.channel.conversation import AgentBug
from cinestream_ops.errors import Refused
from tests.conversation.server import look


def test_a_file_that_was_asked_for_can_be_read(server):
    item = server.put("old")
    with server.talk() as conversation:
        look(conversation, item, server.put("nowhere"))
        paths = [item.path, f"{server.land}/nowhere"]
        files = conversation.ask({"do": "read", "paths": paths})["files"]

    assert b"old\n" == b64decode(files[item.path])
    assert files[f"{server.land}/nowhere"] is None


def test_a_file_that_nobody_asked_for_cannot_be_read(server):
    with server.talk() as conversation, pytest.raises(Refused, match="is not a file that is shown"):
        conversation.ask({"do": "read", "paths": [f"{server.land}/old"]})


def test_a_link_in_place_of_a_file_is_told_and_not_followed(server):
    item = server.put("link")

    facts = server.look(item)

    assert {"other": "link"} == facts.items[item.key]


def test_a_look_leaves_nothing_on_the_server(server):
    server.look()

    assert not server.home.exists()


def test_an_unknown_order_is_a_bug_with_a_trace(server):
    with server.talk() as conversation, pytest.raises(AgentBug, match="KeyError: 'dance'"):
        conversation.ask({"do": "dance"})


def test_a_refused_order_does_not_end_the_conversation(server):
    with server.talk() as conversation:
        with pytest.raises(Refused):
            conversation.ask({"do": "vouch", "token": "x"})
        facts = look(conversation)

    assert {} == facts.owned
