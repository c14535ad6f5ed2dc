"""
What a conversation about a program of a site comes to, where there is none.
"""

from __future__ import annotations

import pytest

from cinestream_ops.engine import run
from cinestream_ops.errors import Refused
from cinestream_ops.spec import toml
from cinestream_ops.spec.names import Program
from tests.conversation.server import look

BLOG = toml.site("a-site-that-is-nowhere", {"port": 8001, "release": "1" * 64})


def test_a_program_that_is_not_there_is_refused_and_the_conversation_goes_on(server):
    with server.talk() as conversation:
        with pytest.raises(Refused, match=r"there is no program `hello\.py`"):
            run(conversation, BLOG, Program("hello.py"), ["--word"], 5, lambda *_: None)
        facts = look(conversation)

    assert {} == facts.owned


def test_nothing_of_it_is_kept(server):
    with server.talk() as conversation, pytest.raises(Refused):
        run(conversation, BLOG, Program("hello.py"), ["--word"], 5, lambda *_: None)

    assert not server.home.exists()
