"""
What the nouns promise.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinestream_ops.state import items, steps
from cinestream_ops.state.items import Directory, EnvFile, File, Item, Package, Unit
from cinestream_ops.state.steps import PUT, Step

ENV = EnvFile(
    "/srv/.env",
    owner="blog",
    group="blog",
    plain=(("SITE", "blog"),),
    generated=(("SECRET_KEY", "token"),),
    secrets=("API_KEY",),
    dropped=("OLD",),
)
FOUND = {
    "mode": 0o600,
    "owner": "blog",
    "group": "blog",
    "plain": {"SITE": "blog"},
    "hidden": ["API_KEY", "BY_HAND", "SECRET_KEY"],
}


@pytest.mark.parametrize("kind", items.KINDS.values(), ids=items.KINDS)
def test_every_kind_says_its_name_and_its_first_field_is_its_address(kind: type[Item]):
    assert items.KINDS[kind.kind] is kind


@given(st.binary(), st.integers(0, 0o777), st.text(min_size=1))
def test_a_file_crosses_the_wire_unharmed(content, mode, path):
    file = File(path, content, mode)

    told = items.words(file)

    assert file == items.item(told, items.blobs(file))


@pytest.mark.parametrize(
    "item",
    [ENV, Directory("/srv"), Package("nginx"), Unit("blog@8001.service", ("blog@8001.socket",))],
)
def test_a_step_crosses_the_wire_unharmed(item):
    step = Step(PUT, item, before=None, site="blog")

    assert step == steps.step(steps.words(step))


def test_words_hold_a_digest_and_never_the_bytes_themselves():
    told = items.words(File("/srv/a", b"canary"))

    assert "canary" not in repr(told)


def test_a_hand_made_key_in_an_env_file_is_no_reason_to_change_it():
    assert ENV.met_by(FOUND)


@pytest.mark.parametrize(
    "changed",
    [
        {"mode": 0o644},
        {"owner": "root"},
        {"plain": {"SITE": "other"}},
        {"plain": {"SITE": "blog", "MORE": "1"}},
        {"hidden": ["SECRET_KEY"]},
        {"hidden": ["API_KEY", "SECRET_KEY", "OLD"]},
    ],
    ids=str,
)
def test_an_env_file_is_not_met_by_a_fact_that_differs(changed):
    assert not ENV.met_by({**FOUND, **changed})


def test_a_secret_given_now_is_always_written():
    given = EnvFile(**{**vars(ENV), "given": ("API_KEY",)})

    assert not given.met_by(FOUND)
