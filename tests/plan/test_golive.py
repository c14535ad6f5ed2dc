"""
What stands between a new release and the workers that are to run it, and what stays of old ones.
"""

from __future__ import annotations

from dataclasses import replace

from cinestream_ops.plan import plan
from cinestream_ops.plan.sentence import grouped
from cinestream_ops.state import items
from cinestream_ops.state.facts import Owned
from cinestream_ops.state.items import EnvFile, Hook, Release, Trial
from cinestream_ops.state.steps import CLEANUP
from tests.plan.world import BARE, ENV, HOME, played, site, told

TRIAL = Trial("blog", ("python", "{port}"), ())
PRE = Hook("the pre hook", "blog", ("python", "migrate.py"), ())
POST = Hook("the post hook", "blog", ("python", "tell.py"), (), first=False)


def wanted(*more: items.Item, **options: object) -> dict[str, tuple[items.Item, ...]]:
    return {"": (), "blog": (*site(**options), TRIAL, *more)}


def test_a_release_is_tried_between_the_hooks_before_any_worker_runs_it(standing):
    steps = told(plan(wanted(POST, PRE, release="r2"), standing).steps)

    assert [
        f"put release:{HOME}/releases/r2",
        "put fence:systemd",
        "put check:`app:app` can be imported",
        "put hook:the pre hook",
        "put trial:blog",
        f"put symlink:{HOME}/src",
        "restart unit:blog@8001.service",
        "restart unit:blog@8002.service",
        "put hook:the post hook",
        f"remove release:{HOME}/releases/r1",
    ] == steps


def test_a_trial_is_check_enough_where_no_hook_comes_before_it(standing):
    steps = told(plan(wanted(POST, release="r2"), standing).steps)

    assert "put trial:blog" in steps
    assert "put check:`app:app` can be imported" not in steps


def test_another_environment_is_tried_and_calls_for_no_hook(standing):
    changed = tuple(
        replace(item, plain=(("COLOUR", "red"),)) if isinstance(item, EnvFile) else item
        for item in wanted(PRE)["blog"]
    )

    steps = told(plan({"": (), "blog": changed}, standing).steps)

    assert ["put fence:systemd", f"put env:{ENV}", "put trial:blog"] == steps[:3]
    assert "put hook:the pre hook" not in steps


def test_where_no_worker_runs_there_is_nothing_to_protect_by_a_trial():
    steps = told(plan(wanted(PRE), BARE).steps)

    assert "put trial:blog" not in steps
    assert "put hook:the pre hook" in steps


def test_more_workers_are_no_occasion_for_a_trial_or_a_hook(standing):
    steps = told(plan(wanted(PRE, POST, workers=4), standing).steps)

    assert not [step for step in steps if "trial" in step or "hook" in step]


def test_a_release_that_a_roll_back_leads_to_stays(standing):
    spare = Release(f"{HOME}/releases/r1", "r1", spare=True)

    steps = told(plan(wanted(spare, release="r2"), standing).steps)

    assert f"remove release:{HOME}/releases/r1" not in steps


def test_a_spare_release_that_is_gone_is_not_missed(standing):
    spare = Release(f"{HOME}/releases/r0", "r0", spare=True)

    assert not plan(wanted(spare), standing)


def test_what_a_failed_deploy_has_brought_goes_with_the_next_change(standing):
    left = Release(f"{HOME}/releases/r9", "r9")
    owned = {**standing.owned, left.key: Owned(items.words(left), left.mark, "blog")}
    found = replace(standing, items={**standing.items, left.key: left.mark}, owned=owned)

    alone = plan(wanted(), found)
    removed = [step for step in plan(wanted(release="r2"), found).steps if step.verb == "remove"]

    assert not alone
    assert [f"{HOME}/releases/r1", f"{HOME}/releases/r9"] == [step.item.name for step in removed]
    assert {CLEANUP} == {step.phase for step in removed}


def test_a_removed_site_keeps_its_releases(standing):
    assert f"release:{HOME}/releases/r1" in plan({"": ()}, standing).forget


def test_the_plan_says_why_workers_restart(standing):
    titles = dict(grouped(plan(wanted(release="r2"), standing)))

    told = [line for lines in titles.values() for line in lines]
    assert f"restart 2 workers `blog@8001` … `blog@8002`, for `{HOME}/src` changes" in told


def test_a_site_that_moved_on_needs_nothing(standing):
    after = played(plan(wanted(PRE, POST, release="r2"), standing), standing)

    assert not plan(wanted(PRE, POST, release="r2"), after)


def test_a_worker_of_a_new_site_is_tried_before_all_others():
    new = wanted(items.File("/etc/cinestream/sites/blog.toml", b""))

    steps = told(plan(new, BARE, tries=True).steps)
    first = steps.index("put trial:blog")

    assert first < min(at for at, step in enumerate(steps) if "blog@8001" in step)
    assert "put check:`app:app` can be imported" not in steps
    assert "put trial:blog" not in told(plan(new, BARE).steps)
