"""
Desired minus facts.
"""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cinestream_ops.plan import plan
from cinestream_ops.plan.sentence import grouped
from cinestream_ops.state import items
from cinestream_ops.state.facts import Owned
from cinestream_ops.state.items import Absent, Directory, File, Package, Symlink, Unit
from cinestream_ops.state.steps import CHANGE, CLEANUP, PREPARE
from tests.plan import world
from tests.plan.world import BARE, ENV, HOME, NGINX, TEMPLATE, changed_by_hand, played, site, told

PROGRAM = File("/usr/lib/cinestream/worker.py", b"serve()")


def at(steps: list[str], text: str) -> int:
    return next(place for place, step in enumerate(steps) if text in step)


def test_a_server_that_has_everything_needs_nothing(standing):
    assert not plan({"": (), "blog": site()}, standing)


def test_the_same_worlds_plan_alike():
    desired = {"": (), "blog": site()}

    assert plan(desired, BARE) == plan(dict(reversed(desired.items())), BARE)


def test_growing_starts_only_the_workers_that_are_new(standing):
    made = plan({"": (), "blog": site(workers=4)}, standing)

    assert [
        "put unit:blog@8003.service",
        "put unit:blog@8004.service",
        "put fence:nginx",
        f"put file:{NGINX}",
        "put gate:nginx",
    ] == told(made.steps)


def test_shrinking_tells_nginx_before_it_stops_a_worker(standing):
    steps = told(plan({"": (), "blog": site(workers=1)}, standing).steps)

    assert at(steps, "put gate:nginx") < at(steps, "remove unit:blog@8002.service")


def test_a_new_release_is_checked_before_any_worker_takes_it(standing):
    steps = told(plan({"": (), "blog": site(release="r2")}, standing).steps)

    assert at(steps, "put release") < at(steps, "put check") < at(steps, "restart unit")


def test_a_changed_template_restarts_its_workers_after_systemd_has_read_it(standing):
    steps = told(plan({"": (), "blog": site(unit=b"changed")}, standing).steps)

    assert [
        "put fence:systemd",
        f"put file:{TEMPLATE}",
        "put check:`app:app` can be imported",
        "put daemon:systemd",
        "restart unit:blog@8001.service",
        "restart unit:blog@8002.service",
    ] == steps


def test_the_way_back_restarts_what_the_change_restarted(standing):
    made = plan({"": (), "blog": site(unit=b"changed")}, standing)

    assert ("blog@8001.service", "blog@8002.service") == made.steps[0].item.restarts


def test_what_holds_a_prepared_tree_is_prepared_with_it():
    made = plan({"": (), "blog": site()}, BARE)

    prepared = [step.key for step in made.steps if step.phase == PREPARE]

    assert [
        "user:blog",
        f"directory:{HOME}",
        f"directory:{HOME}/releases",
        f"release:{HOME}/releases/r1",
        f"venv:{HOME}/venvs/v1",
    ] == prepared


def test_the_database_runs_before_a_user_is_made_in_it():
    steps = told(plan({"": (world.worker(27017),), "blog": site()}, BARE).steps)

    assert at(steps, "put unit:blog@27017") < at(steps, "put mongo-user:blog")


def test_a_removed_site_leaves_its_data(standing):
    made = plan({"": ()}, standing, only={"blog"})

    assert all(HOME not in step for step in told(made.steps))
    assert f"env:{ENV}" in made.forget


def test_a_removed_site_stops_before_its_files_go(standing):
    steps = told(plan({"": ()}, standing, only={"blog"}).steps)

    assert (
        at(steps, f"remove file:{NGINX}")
        < at(steps, "put gate")
        < at(steps, "remove unit")
        < at(steps, f"remove file:{TEMPLATE}")
    )


def test_a_program_of_ours_goes_after_its_workers_have_started_with_another():
    had = played(plan({"": (PROGRAM,), "blog": site()}, BARE), BARE)

    steps = told(plan({"": (), "blog": site(unit=b"another")}, had).steps)

    assert at(steps, "restart unit:blog@8002.service") < at(steps, f"remove {PROGRAM.key}")


def test_a_program_of_ours_stays_while_a_site_out_of_scope_may_start_it():
    had = played(plan({"": (PROGRAM,), "blog": site()}, BARE), BARE)
    wanted = {"": (), "blog": site(unit=b"another")}

    before = plan(wanted, had, only={""})
    after = plan(wanted, played(plan(wanted, had, only={"blog"}), had), only={""})

    assert [] == told(before.steps)
    assert [f"remove {PROGRAM.key}"] == told(after.steps)


def test_purging_deletes_data_only_after_the_commit(standing):
    made = plan({"": ()}, standing, only={"blog"}, purge={"blog"})

    deleted = [step for step in made.steps if step.phase == CLEANUP]

    assert [
        "remove remains:blog",
        "remove database:blog",
        "remove mongo-user:blog",
        f"remove tree:{HOME}",
        "remove site-journal:blog",
        "remove user:blog",
    ] == told(deleted)


def test_a_site_out_of_scope_is_left_alone(standing):
    assert not plan({"": (), "blog": site(workers=9)}, standing, only={""})


def test_a_hand_edit_is_told_and_mended(standing):
    edited = changed_by_hand(standing, f"file:{NGINX}", {"digest": "other", "mode": 0o644})

    made = plan({"": (), "blog": site()}, edited)

    assert (f"`{NGINX}` was changed by hand since we left it",) == made.warnings
    assert f"put file:{NGINX}" in told(made.steps)


def test_a_worker_that_was_started_by_hand_is_told_and_stopped(standing):
    stray = Unit("blog@8050.service")
    owned = {**standing.owned, stray.key: Owned(items.words(stray), None, "blog")}
    started = replace(standing, owned=owned, items={**standing.items, stray.key: stray.mark})

    made = plan({"": (), "blog": site()}, started, only={"blog"})

    assert ("`blog@8050.service` was started or enabled by hand since we left it",) == made.warnings
    assert [f"remove {stray.key}"] == told(made.steps)


def test_a_worker_that_failed_is_told_as_one_that_does_not_run(standing):
    key = "unit:blog@8001.service"
    failed = changed_by_hand(standing, key, {"enabled": True, "active": False})

    made = plan({"": (), "blog": site()}, failed)

    assert (
        "`blog@8001.service` does not run any more: it failed, or was stopped by hand",
    ) == made.warnings
    assert [f"put {key}"] == told(made.steps)


def test_what_is_somebody_elses_stands_in_the_way():
    theirs = changed_by_hand(BARE, f"file:{NGINX}", {"digest": "theirs"})

    made = plan({"": (), "blog": site()}, theirs)

    assert (f"`{NGINX}` is there already, and was not made by cinestream",) == made.strangers


def test_what_is_right_already_is_adopted_without_a_step():
    home = Directory("/srv")
    found = changed_by_hand(BARE, home.key, home.mark)

    made = plan({"": (home,)}, found)

    assert ((), (("", home),)) == (made.steps, made.adopt)


def test_packages_are_never_planned_for_removal():
    had = played(plan({"": (Package("nginx"),)}, BARE), BARE)

    assert not plan({"": ()}, had)


def test_a_run_of_workers_is_one_sentence(standing):
    told_phases = grouped(plan({"": (), "blog": site(workers=24)}, standing))

    assert "start 22 workers `blog@8003` … `blog@8024`" in told_phases[0][1]


def test_the_servers_firewall_hears_of_a_new_site():
    wall = Unit("wall.service", reload_on=(f"file:{TEMPLATE}",))
    had = played(plan({"": (wall,)}, BARE), BARE)

    steps = told(plan({"": (wall,), "blog": site()}, had, only={"blog"}).steps)

    assert at(steps, f"put file:{TEMPLATE}") < at(steps, "reload unit:wall.service")


def test_the_servers_firewall_hears_of_a_site_that_left():
    wall = Unit("wall.service", reload_on=("file:/etc/systemd/",))
    had = played(plan({"": (wall,), "blog": site()}, BARE), BARE)

    steps = told(plan({"": (wall,)}, had, only={"blog"}).steps)

    assert at(steps, f"remove file:{TEMPLATE}") < at(steps, "reload unit:wall.service")


def test_what_a_package_may_bring_uninvited_is_removed_with_it():
    steps = told(plan({"": (Package("nginx"), Absent("/etc/nginx/default"))}, BARE).steps)

    assert "put absent:/etc/nginx/default" in steps


names = st.text("abc", min_size=1, max_size=3)
things = st.one_of(
    st.builds(File, names.map("/srv/{}".format), st.binary(max_size=2)),
    st.builds(Directory, names.map("/opt/{}".format), st.sampled_from([0o755, 0o700])),
    st.builds(Symlink, names.map("/run/{}".format), names),
    st.builds(File, names.map("/etc/nginx/{}".format), st.binary(max_size=2)),
)
worlds = st.lists(things, unique_by=lambda item: item.key).map(tuple)


@given(worlds, worlds)
def test_a_plan_leads_from_any_world_to_any_other(before, after):
    start = played(plan({"": before}, BARE), BARE)

    end = played(plan({"": after}, start), start)

    assert not plan({"": after}, end)


@given(worlds)
def test_every_change_of_nginx_stands_between_its_fence_and_its_gate(world_items):
    steps = [step for step in plan({"": world_items}, BARE).steps if step.phase == CHANGE]
    inside = [place for place, step in enumerate(steps) if "/etc/nginx" in step.key]

    if inside:
        keys = [step.key for step in steps]
        assert keys.index("fence:nginx") < inside[0]
        assert inside[-1] < keys.index("gate:nginx")
