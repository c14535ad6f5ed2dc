"""
A site under another name, as a plan: built beside itself, and then gone by the old one.
"""

from __future__ import annotations

from hypothesis import given, settings

from cinestream_ops.plan import Plan
from cinestream_ops.plan.plan import plan
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.spec.site import Site
from cinestream_ops.state.items import Database, Heir
from cinestream_ops.state.steps import CLEANUP, PUT, Step
from tests.plan import houses
from tests.plan.houses import World
from tests.plan.world import told

BLOG = toml.site(
    "blog",
    {"port": 8001, "workers": 2, "release": "a" * 64, "requirements": "b" * 64, "domains": ["a.example"]},
)  # fmt: skip
SERVER = toml.server({"mongodb": {"mode": "archive", "sha256": "e" * 64}})


def renamed(site: Site, port: int) -> Site:
    table = {key: value for key, value in toml.told(site).items() if key != "past"}
    called = site.database_name or False
    return toml.site("diary", {**table, "port": port, "database": called})


def made(world: World, before: House, site: Site) -> tuple[House, Plan]:
    after = renamed(site, 30001)
    wanted = before.without_site(site.name).with_site(after)
    heir = Step(PUT, Heir(after.user, site.user), site=after.name)
    return wanted, plan(
        world.desired(wanted),
        world.facts,
        only={site.name, after.name},
        purge={site.name},
        also=[heir],
    )


def blog() -> tuple[World, House]:
    house = House(SERVER).with_site(BLOG)
    return World().built(house), house


def test_both_are_there_until_nginx_has_heard_of_it():
    steps = told(made(*blog(), BLOG)[1].steps)

    order = [
        "put heir:diary", "put env:/var/www/diary/.env", "put mongo-user:diary",
        "put unit:diary@30001.service", "put gate:nginx", "remove unit:blog@8001.service",
        "remove file:/etc/cinestream/sites/blog.toml", "remove mongo-user:blog",
        "remove tree:/var/www/blog", "remove user:blog",
    ]  # fmt: skip
    assert sorted(order, key=steps.index) == order


def test_what_it_takes_over_is_neither_made_nor_removed():
    steps = made(*blog(), BLOG)[1].steps

    assert not [step for step in steps if isinstance(step.item, Database)]
    assert not [step for step in steps if step.item.kind == "certificate"]
    assert {"mongo-user", "site-journal", "tree", "user"} == {
        step.item.kind for step in steps if step.phase == CLEANUP
    }


@settings(deadline=None)
@given(houses.houses)
def test_any_site_can_have_another_name_and_then_nothing_is_left_to_do(before):
    world = World().built(before)
    for site in before.sites.values():
        wanted, steps = made(world, before, site)

        after = world.played(steps)

        assert not after.plan(wanted)
        assert site.name not in {owned.site for owned in after.facts.owned.values()}
