"""
A change that could cut off its own connection is kept only by word of another one.
"""

from __future__ import annotations

from tests.conversation.server import begin, planned, until_ready


def test_a_fresh_connection_commits(server):
    with server.talk() as first:
        events = begin(first, planned(first, (server.put("old"),)), fresh=True)
        token = until_ready(events)[-1]["token"]
        with server.talk() as second:
            vouched = second.ask({"do": "vouch", "token": token})
        last = list(events)[-1]

    assert {"event": "vouched"} == vouched
    assert {"event": "done"} == last
    assert b"new\n" == (server.land / "old").read_bytes()


def test_the_first_connection_cannot_commit_by_itself(server):
    with server.talk() as first:
        events = begin(first, planned(first, (server.put("old"),)), fresh=True)
        until_ready(events)
        first.send({"do": "commit"})
        last = list(events)[-1]

    assert "refused" == last["event"]
    assert b"old\n" == (server.land / "old").read_bytes()


def test_hanging_up_commits_nothing(server):
    with server.talk() as first:
        until_ready(begin(first, planned(first, (server.put("old"),)), fresh=True))

    assert b"old\n" == (server.land / "old").read_bytes()


def test_a_wrong_token_commits_nothing(server):
    with server.talk() as first:
        until_ready(begin(first, planned(first, (server.put("old"),)), fresh=True))
        with server.talk() as second:
            second.ask({"do": "vouch", "token": "wrong"})

    assert b"old\n" == (server.land / "old").read_bytes()
