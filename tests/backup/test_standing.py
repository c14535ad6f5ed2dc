"""
A server's own backups that fail, or do not come, are told loudly.
"""

from __future__ import annotations

from typing import Any

import pytest

from cinestream_ops.engine import backups_standing

DAY = 24 * 3600.0
NOW = 1000 * DAY


def told(**more: Any) -> dict[str, Any]:
    """A backup that went well an hour ago."""
    then = NOW - 3600
    return {
        "began": then, "ended": then + 60, "good": then, "folder": "/", "why": "",
        "running": False, "result": "success", "since": NOW - 100 * DAY, **more,
    }  # fmt: skip


def troubles(**more: Any) -> list[str]:
    found = list(backups_standing.troubles("shop", told(**more), NOW))
    assert {"stop"} >= {each["level"] for each in found}
    return [each["what"] for each in found]


def test_a_good_one_is_no_trouble():
    assert [] == troubles()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"why": "`/mnt` is full"}, "`/mnt` is full"),
        ({"began": NOW - 600}, "it was cut off"),
        ({"result": "exit-code"}, "systemd says `exit-code`"),
    ],
)
def test_one_that_failed_is_told_with_its_reason(more, why):
    assert [f"the last backup of `shop` failed: {why}"] == troubles(**more)


def test_one_that_is_being_made_has_not_failed():
    assert [] == troubles(began=NOW - 600, running=True, result="exit-code")


def test_what_is_not_in_it_is_told_and_breaks_nothing():
    told_of = told(missing=["Redis `0` on `cache` (`CACHE_URL`)"])

    (found,) = backups_standing.troubles("shop", told_of, NOW)

    assert ("warn", "the backups of `shop` do not contain its Redis `0` on `cache` (`CACHE_URL`)") == (
        found["level"], found["what"],
    )  # fmt: skip


def test_an_old_one_is_told():
    old = NOW - 3 * DAY

    assert ["the last good backup of `shop` is 3 days old"] == troubles(
        began=old, ended=old + 1, good=old
    )
    assert [] == troubles(began=NOW - 2 * DAY, ended=NOW - 2 * DAY, good=NOW - 2 * DAY)


def test_one_that_never_came_is_told():
    never = {"began": 0, "ended": 0, "good": 0}

    assert [] == troubles(**never, since=NOW - DAY)
    assert ["the first backup of `shop` is due since 5 days"] == troubles(
        **never, since=NOW - 5 * DAY
    )
