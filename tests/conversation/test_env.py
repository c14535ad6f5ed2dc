"""
A `.env` is merged, and its secrets are seen by nobody.
"""

from __future__ import annotations

import re

import pytest

from cinestream_ops.state.items import Check, EnvFile
from tests.conversation.server import apply, planned

CANARY = "canary-5ecret-value"


def env(server, **more):
    return EnvFile(f"{server.land}/.env", "root", "root", **more)


def values(server):
    lines = (server.land / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_plain_keys_come_first_and_secrets_under_their_heading(server):
    item = env(server, plain=(("SITE", "blog"),), generated=(("SECRET_KEY", "token"),))

    server.apply(item)

    expected = r"SITE=blog\n# Secrets: never shown\nSECRET_KEY=[\w-]{43}\n"
    assert re.fullmatch(expected, (server.land / ".env").read_text())
    assert item.met_by(server.look(item).items[item.key])


def test_a_generated_secret_stays_as_it_is(server):
    server.apply(env(server, generated=(("SECRET_KEY", "token"),)))
    first = values(server)["SECRET_KEY"]

    server.apply(env(server, plain=(("A", "1"),), generated=(("SECRET_KEY", "token"),)))

    assert first == values(server)["SECRET_KEY"]


def test_keys_made_by_hand_stay_as_they_were_written(server):
    (server.land / ".env").write_text("# mine\nBY_HAND='${HOME} and \"more\"'  # why\nA=0\n")

    server.apply(env(server, plain=(("A", "1"),)))

    expected = "A=1\n# Secrets: never shown\nBY_HAND='${HOME} and \"more\"'  # why\n"
    assert expected == (server.land / ".env").read_text()


def test_a_dropped_key_is_gone(server):
    (server.land / ".env").write_text("OLD=1\nKEPT=2\n")

    server.apply(env(server, dropped=("OLD",)))

    assert {"KEPT": "2"} == values(server)


def test_a_missing_secret_is_refused_by_name(server):
    before = server.tree()

    events = server.apply(server.put("old"), env(server, secrets=("API_KEY",)))

    assert "the secret `API_KEY` is not on the server" == events[-1]["why"]
    assert before == server.tree()


def test_a_secret_already_there_need_not_be_given(server):
    given = env(server, secrets=("API_KEY",), given=("API_KEY",))
    server.apply(given, blobs={"secret:API_KEY": CANARY.encode()})

    events = server.apply(env(server, plain=(("A", "1"),), secrets=("API_KEY",)))

    assert {"event": "done"} == events[-1]
    assert {"A": "1", "API_KEY": CANARY} == values(server)


def test_a_secret_is_nowhere_but_in_its_file(server):
    given = env(server, secrets=("API_KEY",), given=("API_KEY",))
    path = given.path
    loud = Check("loud", ("sh", "-c", f"cat {path} >&2; exit 1"))
    with server.talk() as conversation:
        secret = {"secret:API_KEY": CANARY.encode()}
        told = list(apply(conversation, planned(conversation, (given,)), blobs=secret))
        told += apply(conversation, planned(conversation, (server.put("old"), loud)))
        told += [conversation.ask({"do": "look", "ask": []})]
        told += [conversation.ask({"do": "history"})]

    kept = {path.name for path in server.home.rglob("*") if holds(path)}

    assert "API_KEY=…" in str(told)
    assert CANARY not in str(told)
    assert set() == kept
    assert CANARY in (server.land / ".env").read_text()


def holds(path):
    return path.is_file() and CANARY.encode() in path.read_bytes()


def test_a_change_by_hand_is_drift_even_if_the_names_are_the_same(server):
    server.apply(env(server, generated=(("SECRET_KEY", "token"),)))
    with server.talk() as conversation:
        plan = planned(conversation, (env(server, plain=(("A", "1"),)),))
        (server.land / ".env").write_text("SECRET_KEY=by-hand\n")
        *_, last = apply(conversation, plan)

    assert "drifted" == last["kind"]
    assert {"SECRET_KEY": "by-hand"} == values(server)


@pytest.mark.parametrize("value", ["two\nlines", "a ${B}", "bell\a"])
def test_a_value_that_readers_disagree_on_is_refused(server, value):
    events = server.apply(env(server, plain=(("A", value),)))

    assert "the value of `A` holds" in events[-1]["why"]


def test_no_env_file_is_ever_read_out(server):
    item = env(server, plain=(("A", "1"),))
    server.apply(item)

    with server.talk() as conversation:
        conversation.ask({"do": "look", "ask": []})
        event = next(conversation.events({"do": "read", "paths": [item.path]}))

    assert f"`{item.path}` is not a file that is shown" == event["why"]
