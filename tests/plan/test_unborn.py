"""
What was prepared for a site that did not come to be goes with the next change, and nothing else does.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from cinestream_ops.plan import Plan
from cinestream_ops.state.items import Directory, Release, User, Venv
from cinestream_ops.state.steps import CLEANUP, PREPARE, REMOVE, Step
from tests.plan.houses import Play, World, edited, house

CODE = {"release": "a" * 64, "requirements": "b" * 64}
OTHER = {"release": "c" * 64, "requirements": "b" * 64}
HERE = house({"shop": CODE}, {})
WITH_LATE = edited(HERE, "blog", CODE)
MORE = edited(HERE, "shop", {"workers": 3})


@pytest.fixture(scope="module")
def refused() -> World:
    """A server on which `add-site blog` came as far as its preparations."""
    world = World().built(HERE)
    play = Play(world)
    for step in world.plan(WITH_LATE, {"blog"}).steps:
        if step.phase == PREPARE:
            play.take(step)
    return play.over(Plan())


def cleared(plan: Plan) -> list[Step]:
    return [step for step in plan.steps if step.phase == CLEANUP]


def test_they_are_no_plan_by_themselves(refused: World):
    assert not refused.plan(HERE)
    assert not refused.plan(HERE, {"shop"})


@pytest.mark.parametrize("only", [{"shop"}, None])
def test_the_next_change_deletes_them_whatever_it_is_about(refused: World, only: set[str] | None):
    plan = refused.plan(MORE, only)

    assert {REMOVE} == {step.verb for step in cleared(plan)}
    assert [Venv, Directory, Release, Directory, Directory] == [
        type(step.item) for step in cleared(plan)
    ]
    assert "/var/www/blog" == cleared(plan)[-1].item.name


def test_it_is_refused_where_somebody_wants_them_meanwhile(refused: World):
    restart = replace(refused.plan(MORE, {"shop"}), specs={"sites/shop.toml": "1"})

    assert Plan(steps=tuple(cleared(restart)), specs=restart.specs).touches_specs


def test_afterwards_nothing_of_them_is_ours(refused: World):
    world = refused.built(MORE, {"shop"})

    assert not [key for key, owned in world.facts.owned.items() if owned.site == "blog"]
    assert not world.plan(MORE)


def test_the_account_stays_as_its_number_must_not_become_anothers(refused: World):
    plan = refused.plan(MORE, {"shop"})

    assert User("blog", "/var/www/blog").key in plan.forget
    assert not [step for step in plan.steps if isinstance(step.item, User)]


def test_one_that_is_half_made_is_deleted_too(refused: World):
    items = {
        key: None if key.startswith("release:") else fact
        for key, fact in refused.facts.items.items()
    }
    owned = {
        key: replace(each, fact=None) if key.startswith("release:") else each
        for key, each in refused.facts.owned.items()
    }
    plan = replace(refused, facts=replace(refused.facts, items=items, owned=owned)).plan(
        MORE, {"shop"}
    )

    [release] = [step for step in cleared(plan) if isinstance(step.item, Release)]

    assert release.before is None


def test_the_next_try_finds_them(refused: World):
    again = refused.plan(WITH_LATE, {"blog"})

    assert not [step for step in again.steps if isinstance(step.item, Release | Venv)]
    assert not cleared(again)


def test_the_next_try_with_other_code_keeps_what_it_needs(refused: World):
    again = refused.plan(edited(HERE, "blog", OTHER), {"blog"})

    [gone] = [step for step in cleared(again) if isinstance(step.item, Release | Venv)]

    assert "/var/www/blog/releases/" + "a" * 16 == gone.item.name


def test_what_a_removed_site_left_stays_with_its_data():
    world = World().built(WITH_LATE).built(HERE, {"blog"})

    assert not cleared(world.plan(MORE, {"shop"}))
