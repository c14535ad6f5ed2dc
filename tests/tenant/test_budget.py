"""
Claims about what may be spent on gathering: a real mongod, and many processes at once.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from showtimes import budget, lock
from showtimes.budget import Refusal, Reservation
from tenant_processes import SOURCE

pytestmark = pytest.mark.tenant

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SPEND = """
import sys
from datetime import datetime
from showtimes import budget
from showtimes.database import Store
store, now = Store(*sys.argv[1:3]), datetime.fromisoformat(sys.argv[3])
for _ in range(5):
    kept = budget.reserve(store.stats, now, 0.1, 1.0, 60)
    if isinstance(kept, budget.Reservation):
        budget.settle(store.stats, kept, {"usd": 0.1, "calls": 1})
"""


def test_ten_processes_at_once_spend_all_and_never_more(settings, store):
    words = [settings.mongodb_uri, settings.mongodb_database, NOW.isoformat()]
    argv = [sys.executable, "-c", SPEND, *words]
    several = [subprocess.Popen(argv, cwd=SOURCE) for _ in range(10)]

    assert [0] * 10 == [process.wait(120) for process in several]

    day = store.stats.find_one({"name": "ai:2026-11-24"})
    assert (10, []) == (day["calls"], day["reservations"])
    assert pytest.approx(1.0) == budget.spent(store.stats, NOW)


def test_what_is_set_aside_counts_until_it_is_settled(store):
    first = budget.reserve(store.stats, NOW, 0.6, 1.0, 60)
    refused = budget.reserve(store.stats, NOW, 0.6, 1.0, 60)
    budget.settle(store.stats, first, {"usd": 0.1})

    assert Refusal("budget", datetime(2026, 11, 25, tzinfo=UTC)) == refused
    assert isinstance(budget.reserve(store.stats, NOW, 0.6, 1.0, 60), Reservation)


def test_a_reservation_whose_run_died_counts_as_spent_and_a_late_bill_corrects_it(store):
    lost = budget.reserve(store.stats, NOW, 0.6, 1.0, 0)
    budget.reserve(store.stats, NOW, 0.1, 1.0, 60)
    assert pytest.approx(0.6) == budget.spent(store.stats, NOW)

    budget.settle(store.stats, lost, {"usd": 0.2})

    assert pytest.approx(0.2) == budget.spent(store.stats, NOW)


def test_so_many_runs_have_room_at_once_and_a_batch_takes_none(store):
    def reserve(parallel: int | None, most: float = 1.0):
        return budget.reserve(store.stats, NOW, 0.1, most, 60, parallel)

    in_batch = [reserve(None) for _ in range(3)]
    kept = [reserve(2), reserve(2)]

    assert Refusal("busy", NOW + timedelta(seconds=30)) == reserve(2)
    assert all(isinstance(each, Reservation) for each in [*in_batch, *kept, reserve(None)])
    assert "budget" == reserve(2, 0.05).reason
    budget.settle(store.stats, kept[0], {"usd": 0.01})
    assert isinstance(reserve(2), Reservation)


@pytest.mark.parametrize("reason", ["spend-limit", "credentials", "overloaded"])
def test_the_breaker_opens_for_what_would_fail_again(store, reason):
    budget.trip(store.stats, reason)

    assert reason == budget.broken(store.stats).reason


def test_a_short_break_does_not_shorten_a_long_one(store):
    budget.trip(store.stats, "credentials")
    first = budget.broken(store.stats)
    store.stats.update_one(budget.BREAKER, {"$set": {"until": first.again + timedelta(days=1)}})

    budget.trip(store.stats, "overloaded")

    assert Refusal("credentials", first.again + timedelta(days=1)) == budget.broken(store.stats)


@pytest.mark.parametrize(("told", "seconds"), [(None, 60), (5, 60), (1800, 1800), (10**9, 3600)])
def test_too_many_requests_open_it_for_as_long_as_was_told(store, told, seconds):
    budget.trip(store.stats, "rate-limited", told)

    broken = budget.broken(store.stats)
    now = datetime.now(UTC)
    assert "overloaded" == broken.reason
    assert seconds - 30 < (broken.again - now).total_seconds() <= seconds


def test_other_failures_open_no_breaker(store):
    budget.trip(store.stats, "empty")

    assert budget.broken(store.stats) is None


def test_visitors_start_so_many_runs_an_hour(store):
    counted = [budget.count_start(store.stats, 2) for _ in range(3)]

    assert [None, None] == counted[:2]
    assert "too-many-starts" == counted[2].reason


@pytest.mark.parametrize(("hours", "reason"), [(5, "fresh"), (7, None)])
def test_a_young_city_is_not_gathered_for_again(store, hours, reason):
    updated = datetime.now(UTC) - timedelta(hours=hours)
    store.locations.update_one({"city": "lviv"}, {"$set": {"last_updated": updated}})
    age = timedelta(hours=6)

    why = budget.age(lock.standing(store.locations, "lviv"), age)
    held = lock.acquire(store.locations, "lviv", 60, budget.due(age))

    assert reason == (why and why.reason)
    assert (reason is None) == (held is not None)


def test_a_city_that_failed_waits(store):
    held = lock.acquire(store.locations, "lviv", 60)
    lock.release(store.locations, held, held.was, wait=900)

    why = budget.age(lock.standing(store.locations, "lviv"), timedelta(0))

    assert "failed-recently" == why.reason
    assert lock.acquire(store.locations, "lviv", 60, budget.due(timedelta(0))) is None


def test_a_refusal_tells_whole_seconds():
    assert 2 == Refusal("budget", NOW + timedelta(seconds=1.5)).seconds(NOW)
    assert 1 == Refusal("budget", NOW).seconds(NOW)
