"""
Claims about the daily refresh, run as the timer runs it.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from showtimes import cities, places
from tenant_processes import SOURCE, free_port

pytestmark = pytest.mark.tenant


def refresh(house, **env: str) -> subprocess.CompletedProcess[str]:
    house.env(**env)
    argv = [sys.executable, str(SOURCE / "daily_refresh.py")]
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
    done = refresh(house, **env(settings))

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

    done = refresh(house, **env(settings))

    assert "turned stale: 1," in done.stdout
    assert "stale" == places.one(store.locations, "kyiv").status
    assert "fresh" == places.one(store.locations, "lviv").status


def test_settings_that_are_missing_are_all_named(house):
    done = refresh(house, SECRET_KEY="x")

    assert "error: `.env` does not set MONGODB_URI, MONGODB_DATABASE\n" == done.stderr
    assert 1 == done.returncode


def test_a_database_that_is_away_fails_the_run_in_one_line(house, settings):
    away = f"mongodb://127.0.0.1:{free_port()}"

    done = refresh(house, **{**env(settings), "MONGODB_URI": away})

    assert done.stderr.startswith("error: the database failed: ServerSelectionTimeoutError: ")
    assert 1 == done.returncode
    assert 1 == done.stderr.count("\n")
