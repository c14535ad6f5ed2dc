"""
Stopping, starting and maintenance: what is done, and in which order.
"""

from __future__ import annotations

import pytest

from cinestream_ops.plan import plan
from cinestream_ops.plan.sentence import grouped
from cinestream_ops.state.facts import Facts
from tests.desired.world import DEPLOYED, wanted
from tests.plan.world import BARE, played, told

PAGE = "file:/etc/nginx/cinestream/blog.html"
CONF = "file:/etc/nginx/sites-available/blog.conf"
SPEC = "file:/etc/cinestream/sites/blog.toml"
GATE, FENCE = "put gate:nginx", "put fence:nginx"
STOPPED, AWAY = {**DEPLOYED, "stopped": True}, {**DEPLOYED, "maintenance": {}}


def house(spec):
    server, blog = wanted(spec)
    return {"": server, "blog": blog}


def standing(spec) -> Facts:
    return played(plan(house(spec), BARE), BARE)


def steps(before, after) -> list[str]:
    return told(plan(house(after), standing(before), only={"blog"}).steps)


def test_nginx_shows_the_page_before_workers_stop():
    assert [
        f"put {SPEC}",
        f"put {PAGE}",
        FENCE,
        f"put {CONF}",
        GATE,
        "remove unit:blog.target",
        "remove unit:blog@8001.service",
        "remove unit:blog@8002.service",
    ] == steps(DEPLOYED, STOPPED)


def test_workers_are_ready_before_nginx_leaves_the_page_which_goes_last():
    assert [
        f"put {SPEC}",
        "put unit:blog.target",
        "put unit:blog@8001.service",
        "put unit:blog@8002.service",
        FENCE,
        f"put {CONF}",
        GATE,
        f"remove {PAGE}",
    ] == steps(STOPPED, DEPLOYED)


def test_maintenance_touches_no_worker():
    assert [f"put {SPEC}", f"put {PAGE}", FENCE, f"put {CONF}", GATE] == steps(DEPLOYED, AWAY)
    assert [f"put {SPEC}", FENCE, f"put {CONF}", GATE, f"remove {PAGE}"] == steps(AWAY, DEPLOYED)


def test_the_owner_is_told_that_the_end_of_a_page_is_waited_for():
    waits = "test nginx, reload it and probe 1 host name, then let its old workers end"

    for before, after, told_so in ((DEPLOYED, AWAY, False), (AWAY, DEPLOYED, True)):
        found = plan(house(after), standing(before), only={"blog"})
        assert [told_so] == [waits in sentences for _, sentences in grouped(found)]


@pytest.mark.parametrize("spec", [STOPPED, AWAY, {**STOPPED, "maintenance": {}}])
def test_once_done_there_is_nothing_to_do(spec):
    assert not plan(house(spec), standing(spec), only={"blog"})


@pytest.mark.parametrize(
    ("spec", "probes"),
    [
        (DEPLOYED, ("blog.localhost",)),
        (AWAY, ("blog.localhost",)),
        (STOPPED, ()),
        ({"port": 8001}, ()),
    ],
)
def test_a_site_is_asked_whether_it_is_well_if_it_has_workers(spec, probes):
    made = plan(house(spec), BARE)

    assert [probes] == [step.item.probes for step in made.steps if step.item.kind == "gate"]


def test_a_stopped_site_that_is_changed_starts_nothing():
    more = {**STOPPED, "workers": 4}

    assert not [step for step in steps(STOPPED, more) if "unit:" in step]


def test_the_gate_judges_the_sites_that_a_change_touches_and_no_neighbours():
    beside = {"beside": wanted({**DEPLOYED, "port": 9000}, name="beside")[1]}
    before, after = {**house(DEPLOYED), **beside}, {**house(AWAY), **beside}

    made = plan(after, played(plan(before, BARE), BARE), only={"blog"})
    gates = [step.item for step in made.steps if step.item.kind == "gate"]

    assert [("beside.localhost",)] == [gate.neighbours for gate in gates]
    assert [("beside.localhost", "blog.localhost")] == [gate.probes for gate in gates]


def test_what_changes_about_the_server_is_everybodys():
    made = plan(house(DEPLOYED), BARE)

    assert [()] == [step.item.neighbours for step in made.steps if step.item.kind == "gate"]
