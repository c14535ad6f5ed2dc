"""
Laws of plans, over houses that nobody would think of.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cinestream_ops.plan.restarts import hit
from cinestream_ops.spec import ports, toml
from cinestream_ops.spec.house import House
from cinestream_ops.state import items, paths
from cinestream_ops.state.items import Daemon, Directory, Fence, Gate, Unit
from cinestream_ops.state.steps import (
    CHANGE,
    CLEANUP,
    FOLLOW_UP,
    PREPARE,
    PUT,
    RELOAD,
    REMOVE,
    RESTART,
)
from tests.plan.houses import (
    World,
    answer,
    changes,
    commands,
    digest,
    edited,
    houses,
    servers,
    stays,
    written,
)
from tests.plan.world import told

ROOT = Path(__file__).parents[2]
PHASES = (PREPARE, CHANGE, CLEANUP, FOLLOW_UP)
# To plan for a whole house takes longer than most examples.
quickly = settings(max_examples=settings().max_examples // 8, deadline=None)


class Taken(tuple):
    """Steps that are told in short when a law is broken."""

    __slots__ = ()

    def __repr__(self) -> str:
        return ", ".join(told(self))


def move(before: House | None, after: House) -> Taken:
    """The steps from one house to another; None is a bare server."""
    world = World().built(before) if before else World()
    return Taken(world.plan(after).steps)


moves = st.builds(move, st.none() | houses, houses)


def path(step) -> str:
    placed = {"file", "directory", "symlink", "absent", "env"}
    return step.item.name if step.item.kind in placed else ""


def is_page(step) -> bool:
    """Whether it is of a page that nginx looks at for each visitor, and not when it is loaded."""
    return path(step).endswith(".html")


def is_read(step) -> bool:
    """Whether nginx reads it when it is loaded."""
    return not is_page(step) and not isinstance(step.item, Directory)


def placed_in(folder: str, taken) -> list[int]:
    return [
        n
        for n, step in enumerate(taken)
        if step.phase == CHANGE and path(step).startswith(f"{folder}/")
    ]


def places(taken, kind: type[items.Item], *verbs: str) -> list[int]:
    return [
        n
        for n, step in enumerate(taken)
        if isinstance(step.item, kind) and step.verb in (verbs or (PUT,))
    ]


@quickly
@given(houses, houses)
def test_what_was_planned_is_done_and_nothing_is_left_to_plan(before, after):
    world = World().built(before).built(after)

    again = world.plan(after)

    assert ((), ()) == (again.steps, again.adopt)


@quickly
@given(houses)
def test_where_no_certificate_can_be_had_only_certificates_are_left_to_plan(wanted):
    world = World(lucky=False).built(wanted)

    left = world.plan(wanted).steps

    names = [domain.name for site in wanted.sites.values() for domain in site.domains]
    assert sorted(f"certificate:{name}" for name in names) == sorted(step.key for step in left)
    assert all(step.phase == FOLLOW_UP for step in left)


@quickly
@given(servers, commands)
def test_any_road_to_a_house_ends_where_the_direct_one_does(server, typed):
    house = House(toml.server(server))
    world = World().built(house)
    for name, table in typed:
        house = edited(house, name, table)
        world = world.built(house, only={name})

    direct = World().built(house)

    assert kept(direct) == kept(world)
    left = {
        key for key, fact in world.facts.items.items() if is_there(fact)
    } - direct.facts.items.keys()
    assert all(stays(key) for key in left)
    assert not world.plan(house).steps


def kept(world: World) -> dict[str, object]:
    """What is ours, but for what only adds and what outlives its site."""
    ours = world.facts.owned
    found = {key: world.facts.items[key] for key in ours if not stays(key)}
    return found | {
        key: fact["plain"]
        for key in ours
        if key.startswith("env:") and (fact := world.facts.items[key])
    }


def is_there(fact) -> bool:
    return fact is not None and fact != {"enabled": False, "active": False}


@quickly
@given(houses, changes)
def test_the_command_for_one_site_touches_no_other(before, table):
    after = edited(before, "blog", table)

    steps = World().built(before).plan(after, only={"blog"}).steps

    others = {site for site in before.sites if site != "blog"}
    assert set() == others & {step.site for step in steps}


@quickly
@given(houses, houses)
def test_a_site_that_is_out_of_scope_stays_as_it_is(before, after):
    world = World().built(before)
    facts = dict(world.facts.items)

    later = world.built(after.with_server(before.server), only={"shop"}).facts.items

    others = {key for key, each in world.facts.owned.items() if each.site != "shop"}
    assert {key: facts[key] for key in others} == {key: later[key] for key in others}


@quickly
@given(moves)
def test_phases_come_one_after_the_other(taken):
    order = [PHASES.index(step.phase) for step in taken]

    assert order == sorted(order)


@quickly
@given(moves)
def test_nothing_is_done_twice(taken):
    once = told(step for step in taken if not isinstance(step.item, Fence | Daemon))

    assert len(once) == len(set(once))


@quickly
@given(moves)
def test_nginx_is_fenced_before_its_files_and_gated_after_them(taken):
    files = [n for n in placed_in(paths.NGINX, taken) if is_read(taken[n])]
    fences = [n for n in places(taken, Fence) if taken[n].item.of == "nginx"]
    gates = places(taken, Gate)

    assert ([], []) == (fences, gates) if not files else len(fences) == len(gates) == 1
    assert all(fences[0] < n < gates[0] for n in files)


@quickly
@given(moves)
def test_a_page_is_there_for_as_long_as_nginx_may_show_it(taken):
    gate = next(iter(places(taken, Gate)), None)

    for n in placed_in(paths.NGINX, taken):
        if is_page(taken[n]) and gate is not None:
            assert (n < gate) if taken[n].verb == PUT else (gate < n)


@quickly
@given(moves)
def test_a_page_goes_when_no_worker_of_nginx_may_still_open_it(taken):
    verbs = {taken[n].verb for n in placed_in(paths.NGINX, taken) if is_page(taken[n])}
    fences = [step.item for step in taken if step.item == Fence("nginx", drained=PUT in verbs)]
    gates = [step.item for step in taken if isinstance(step.item, Gate)]

    assert len(fences) == len(gates)
    assert [REMOVE in verbs] * len(gates) == [gate.drained for gate in gates]


@quickly
@given(moves)
def test_workers_start_before_nginx_sends_visitors_and_stop_when_it_does_no_more(taken):
    gate = next(iter(places(taken, Gate)), None)
    starts, stops = (
        [n for n in places(taken, Unit, verb) if taken[n].item.companions] for verb in (PUT, REMOVE)
    )

    assert gate is None or max(starts, default=-1) < gate < min(stops, default=len(taken))


@quickly
@given(moves)
def test_systemd_is_fenced_before_its_files_and_reads_them_before_it_uses_them(taken):
    fences = [n for n in places(taken, Fence) if taken[n].item.of == "systemd"]
    # Enabling a unit has systemd read all of them anew.
    reads = sorted([*places(taken, Daemon), *places(taken, Unit)])

    for n in placed_in(paths.UNITS, taken):
        assert any(fence < n for fence in fences)
        stem = PurePosixPath(path(taken[n])).name.partition("@")[0]
        uses = [
            m for m in places(taken, Unit, RESTART, RELOAD) if taken[m].item.unit.startswith(stem)
        ]
        use = min((m for m in uses if m > n), default=len(taken))
        assert any(n < read < use for read in reads)


@quickly
@given(moves)
def test_a_unit_starts_anew_once_all_that_it_is_made_of_is_there(taken):
    for n in places(taken, Unit, RESTART, RELOAD):
        assert all(m < n for m in inputs_touched(taken, n))


def inputs_touched(taken, n):
    inputs = (*taken[n].item.restart_on, *taken[n].item.reload_on)
    return [m for m, step in enumerate(taken) if step.phase == CHANGE and hit({step.key}, inputs)]


@quickly
@given(moves)
def test_on_the_way_back_a_unit_hears_of_all_that_was_put_back(taken):
    for n in places(taken, Unit, RESTART, RELOAD):
        knowing = [
            m
            for m in places(taken, Fence)
            if taken[n].item.unit in (*taken[m].item.restarts, *taken[m].item.reloads)
        ]
        assert min(knowing) < min(inputs_touched(taken, n), default=len(taken))


@quickly
@given(moves)
def test_the_way_back_knows_what_the_change_restarts(taken):
    for n in places(taken, Unit, RESTART, RELOAD):
        fences = [taken[m].item for m in places(taken, Fence) if m < n]
        known = {name for fence in fences for name in (*fence.restarts, *fence.reloads)}
        assert taken[n].item.unit in known


@quickly
@given(moves)
def test_folders_come_before_what_is_in_them_and_go_after_it(taken):
    made = {path(taken[n]): n for n in places(taken, Directory)}
    gone = {path(taken[n]): n for n in places(taken, Directory, REMOVE)}

    for n, step in enumerate(taken):
        folders = {str(each) for each in PurePosixPath(path(step) or "/").parents}
        if step.verb == PUT:
            assert all(made[folder] < n for folder in folders & made.keys())
        if step.verb == REMOVE:
            assert all(n < gone[folder] for folder in folders & gone.keys())


@quickly
@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(1, 1000) | st.none()), max_size=12),
    st.sets(st.integers(8001, 9500), max_size=12),
)
def test_ports_never_overlap(wishes, listeners):
    house = House()
    for name, workers in wishes:
        house = house.without_site(name)
        if workers:
            port = ports.next_port(house, listeners, workers)
            keys = {"port": port, "reserve": ports.reserve(workers), "workers": workers}
            house = house.with_site(toml.site(name, keys))

    for one, other in combinations(house.sites.values(), 2):
        assert not set(one.block) & set(other.block)
    assert not listeners & {port for site in house.sites.values() for port in site.ports}


@pytest.fixture(scope="module")
def another():
    """Another process, in which sets and dictionaries are in another order."""
    with subprocess.Popen(
        [sys.executable, "-c", f"from {answer.__module__} import answer; answer()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "4711"},
    ) as process:
        yield process


@quickly
@given(before=houses, after=houses)
def test_the_same_specs_are_the_same_plan_in_another_process(another, before, after):
    another.stdin.write(json.dumps([written(before), written(after)]) + "\n")
    another.stdin.flush()

    answered = another.stdout.readline().strip()

    assert digest(before, after) == answered
