"""
Claims about the daily refresh, run as the timer runs it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from gathering import KEY
from messages_api import error, serving, showtimes
from running import agents, now, page, row, silent, until
from showtimes import budget, cities, lock, places, refresh, visits
from showtimes.database import Store
from tenant_processes import SOURCE, free_port

pytestmark = pytest.mark.tenant


def refreshed(house, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    house.env(**env)
    argv = [sys.executable, str(SOURCE / "daily_refresh.py"), *argv]
    return subprocess.run(
        argv, cwd=house.directory, capture_output=True, text=True, timeout=60, check=False
    )


def env(settings) -> dict[str, str]:
    return {
        "MONGODB_URI": settings.mongodb_uri,
        "MONGODB_DATABASE": settings.mongodb_database,
        "SECRET_KEY": settings.secret_key,
    }


def test_without_a_key_it_says_so_and_all_is_well(house, settings):
    done = refreshed(house, **env(settings))

    assert done.stdout == (
        f"cities: {len(cities.known())}, turned stale: 0, showtimes to come: 0\n"
        "gathering is off, since `.env` sets no ANTHROPIC_API_KEY; what is known was kept\n"
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_a_city_that_was_fresh_more_than_a_day_ago_turns_stale(house, settings, store):
    for city, hours in (("kyiv", 25), ("lviv", 23)):
        updated = datetime.now(UTC) - timedelta(hours=hours)
        fresh = {"status": "fresh", "last_updated": updated}
        store.locations.update_one({"city": city}, {"$set": fresh})

    done = refreshed(house, **env(settings))

    assert "turned stale: 1," in done.stdout
    assert "stale" == places.one(store.locations, "kyiv").status
    assert "fresh" == places.one(store.locations, "lviv").status


def test_settings_that_are_missing_are_all_named(house):
    done = refreshed(house, SECRET_KEY="x")

    assert "error: `.env` does not set MONGODB_URI, MONGODB_DATABASE\n" == done.stderr
    assert 1 == done.returncode


def test_a_database_that_is_away_fails_the_run_in_one_line(house, settings):
    away = f"mongodb://127.0.0.1:{free_port()}"

    done = refreshed(house, **{**env(settings), "MONGODB_URI": away})

    assert done.stderr.startswith("error: the database failed: ServerSelectionTimeoutError: ")
    assert 1 == done.returncode
    assert 1 == done.stderr.count("\n")


# ── looking again ──


def keyed(settings, url: str, **words: str) -> dict[str, str]:
    return {
        **env(settings),
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": url,
        "AGENT_PARALLEL": "1",
        **words,
    }


def visit(store, city: str, days_ago: float = 0, looked_at: float | None = None) -> None:
    """*looked_at*: days since the last look."""
    facts = {"visited": now() - timedelta(days=days_ago)}
    if looked_at is not None:
        facts |= {"last_updated": now() - timedelta(days=looked_at), "status": "fresh"}
    store.locations.update_one({"city": city}, {"$set": facts})


def test_cities_that_have_visitors_are_due_the_stalest_first(store):
    visit(store, "lviv", looked_at=1)
    visit(store, "kyiv", looked_at=3)
    visit(store, "odesa")
    visit(store, "dnipro", days_ago=31)
    visit(store, "kharkiv", looked_at=0.2)

    assert ["odesa", "kyiv", "lviv"] == refresh.due(store, now(), timedelta(hours=6))


def test_each_of_them_is_looked_at_and_the_journal_is_told(house, settings, store):
    visit(store, "lviv")
    visit(store, "kyiv")
    with serving(page(), showtimes(row()), page(), showtimes()) as api:
        done = refreshed(house, **keyed(settings, api.url))

    told = done.stdout.splitlines()[-1]
    assert told.startswith(
        "gathering: cities due: 2, refreshed: 1, showtimes kept: 1, found nothing: 1, "
        "failed: 0, refused: 0, 0.00"
    )
    assert told.endswith(" USD")
    assert 0 == done.returncode
    assert "gathered for kyiv: fresh, kept 1" in done.stderr
    assert "gathered for lviv: empty, kept 0" in done.stderr
    assert KEY not in done.stdout + done.stderr
    assert "fresh" == places.one(store.locations, "kyiv").status


def test_when_most_of_them_fail_it_exits_1_and_says_why(house, settings, store):
    for city in ("lviv", "kyiv", "odesa"):
        visit(store, city)
    refused = error(400, "invalid_request_error")
    with serving(page(), showtimes(row()), refused) as api:
        done = refreshed(house, **keyed(settings, api.url))

    assert (
        "refreshed: 1, showtimes kept: 1, found nothing: 0, failed: 2 (2 invalid)," in done.stdout
    )
    assert 1 == done.returncode


def test_when_the_day_is_spent_no_more_are_started_and_all_is_well(house, settings, store):
    for city in ("lviv", "kyiv", "odesa"):
        visit(store, city)
    with serving(page(), showtimes(row())) as api:
        words = {"AI_DAILY_USD": "0.1", "AI_RUN_USD": "0.1"}
        done = refreshed(house, **keyed(settings, api.url, **words))

    assert "cities due: 3, refreshed: 1," in done.stdout
    assert "refused: 1 (1 budget)," in done.stdout
    assert done.stdout.endswith("; no more were started: budget\n")
    assert (0, 2) == (done.returncode, len(api.bodies))


def test_a_key_that_is_not_accepted_is_tried_once(house, settings, store):
    for city in ("lviv", "kyiv", "odesa"):
        visit(store, city)
    with serving(error(401, "authentication_error")) as api:
        done = refreshed(house, **keyed(settings, api.url))

    assert "failed: 1 (1 credentials), refused: 0," in done.stdout
    assert "; no more were started: credentials\n" in done.stdout
    assert (1, 1) == (done.returncode, len(api.bodies))
    assert "credentials" == budget.broken(store.stats).reason


def test_a_refresh_that_is_told_to_stop_leaves_the_cities_as_they_were(house, settings, store):
    visit(store, "lviv", looked_at=0.5)
    visit(store, "kyiv")
    with silent() as silence:
        house.env(**keyed(settings, silence.url, AGENT_PARALLEL="2"))
        process = subprocess.Popen(
            [sys.executable, str(SOURCE / "daily_refresh.py")],
            cwd=house.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert silence.asked.wait(30)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)

    assert (0, []) == (process.returncode, agents(process.pid))
    assert "refreshed: 0, showtimes kept: 0, found nothing: 0, failed: 0, refused: 0," in out
    assert out.endswith("; no more were started: stopped\n")
    assert "gathered for lviv: stopped" in err
    statuses = [lock.standing(store.locations, city).status for city in ("lviv", "kyiv")]
    assert ["fresh", "stale"] == statuses


# ── in one batch ──


def test_in_a_batch_each_city_has_its_own_end(house, settings, store):
    for city in ("dnipro", "kyiv", "lviv"):
        visit(store, city)
    fails = error(400, "invalid_request_error")
    with serving(page(), fails, page(), showtimes(row()), showtimes()) as api:
        done = refreshed(house, "--batch", **keyed(settings, api.url))

    assert "cities due: 3, refreshed: 1, showtimes kept: 1, found nothing: 1," in done.stdout
    assert "failed: 1 (1 invalid), refused: 0," in done.stdout
    assert 0 == done.returncode
    statuses = [lock.standing(store.locations, city) for city in ("dnipro", "kyiv", "lviv")]
    assert ["fresh", "stale", "stale"] == [each.status for each in statuses]
    day = store.stats.find_one({"name": budget.today(now())})
    assert ([], 3, {"invalid": 1, "empty": 1}) == (
        *(day["reservations"], day["runs"]),
        day["failures"],
    )
    assert [3, 2] == [len(each.entries) for each in api.batches]


def test_a_batch_takes_no_more_cities_than_the_day_can_pay(house, settings, store):
    for city in ("dnipro", "kyiv", "lviv"):
        visit(store, city)
    with serving(page(), page(), showtimes(row())) as api:
        words = {"AI_DAILY_USD": "0.2", "AI_RUN_USD": "0.1"}
        done = refreshed(house, "--batch", **keyed(settings, api.url, **words))

    assert "cities due: 3, refreshed: 2," in done.stdout
    assert "refused: 1 (1 budget)," in done.stdout
    assert done.stdout.endswith("; no more were started: budget\n")


def test_a_batch_that_is_told_to_stop_is_cancelled_and_leaves_the_cities_as_they_were(
    house, settings, store
):
    visit(store, "lviv", looked_at=0.5)
    visit(store, "kyiv")
    with serving(page(), holds_from=0) as api:
        house.env(**keyed(settings, api.url))
        process = subprocess.Popen(
            [sys.executable, str(SOURCE / "daily_refresh.py"), "--batch"],
            cwd=house.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            until(lambda: api.batches)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=40)

    assert (0, [True]) == (process.returncode, [each.cancelled for each in api.batches])
    assert out.endswith("; no more were started: stopped\n")
    assert "gathered for lviv: stopped" in err
    statuses = [lock.standing(store.locations, city).status for city in ("lviv", "kyiv")]
    assert ["fresh", "stale"] == statuses


# ── who has visitors ──


def test_a_city_that_is_seen_is_remembered_once_an_hour(store):
    visits.seen(store, "lviv")
    first = store.locations.find_one({"city": "lviv"})["visited"]
    assert now() - first < timedelta(minutes=1)

    store.locations.update_one({"city": "lviv"}, {"$unset": {"visited": True}})
    visits.seen(store, "lviv")

    assert "visited" not in store.locations.find_one({"city": "lviv"})


def test_a_database_that_is_away_costs_no_page(caplog):
    away = Store(f"mongodb://127.0.0.1:{free_port()}", "x")

    visits.seen(away, "lviv")
    visits.seen(away, "lviv")

    assert ["that lviv has visitors was not noted: ServerSelectionTimeoutError"] == caplog.messages
    away.close()
