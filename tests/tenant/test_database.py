"""
Claims about the tenant's database: a real mongod, and many processes at once.
"""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from pymongo.errors import PyMongoError
from showtimes import cities, indexes, places, schedule, visits
from showtimes.database import Store
from showtimes.schedule import Showtime
from tenant_processes import SOURCE

pytestmark = pytest.mark.tenant

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
FILM = {"en": "The Odyssey", "ua": "Одіссея", "ru": "Одиссея"}


def screening(**change) -> Showtime:
    words = {
        "city": "lviv",
        "cinema_id": "kopernik",
        "cinema_name": "Коперник",
        "film": "odyssey",
        "movie": FILM,
        "start_time": NOW + timedelta(hours=2),
        "price": 160,
        "buy_link": "https://cinema.example/1",
    }
    return Showtime(**{**words, **change})


def found(database) -> set[indexes.Index]:
    return {
        indexes.Index.found(name, facts)
        for name in ("locations", "showtimes", "stats")
        for facts in database[name].list_indexes()
        if facts["name"] != "_id_"
    }


def test_the_database_is_prepared_when_it_is_first_used(store):
    assert len(cities.known()) == store.locations.count_documents({})
    assert set(indexes.wanted()) == found(store.prepared)


def test_old_showtimes_expire_after_ninety_days(store):
    (expiring,) = [index for index in found(store.prepared) if index.expire_after]

    assert (("created_at", 1),) == expiring.keys
    assert timedelta(days=90).total_seconds() == expiring.expire_after


def test_an_index_that_changed_is_replaced(store):
    database = store.prepared
    database["showtimes"].drop_index("created_at_1")
    database["showtimes"].create_index("created_at", expireAfterSeconds=1)

    indexes.ensure(database)

    assert set(indexes.wanted()) == found(database)


def test_seeding_again_changes_nothing_and_keeps_what_was_learnt(store):
    store.locations.update_one({"city": "lviv"}, {"$set": {"status": "fresh", "last_updated": NOW}})

    assert 0 == cities.seed(store.locations)
    assert "fresh" == places.one(store.locations, "lviv").status


def test_a_city_whose_name_was_corrected_is_corrected(store):
    store.locations.update_one({"city": "lviv"}, {"$set": {"city_name.en": "Lwow"}})

    assert 1 == cities.seed(store.locations)
    assert "Lviv" == places.one(store.locations, "lviv").names["en"]


def test_twenty_four_processes_may_prepare_it_at_once(settings, store):
    program = """
import sys
from showtimes.database import Store
store = Store(*sys.argv[1:])
print(store.locations.count_documents({}))
store.close()
"""
    argv = [sys.executable, "-c", program, settings.mongodb_uri, settings.mongodb_database]
    several = [
        subprocess.Popen(
            argv, cwd=SOURCE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(24)
    ]

    said = [process.communicate(timeout=120) for process in several]

    assert {(f"{len(cities.known())}\n", "")} == set(said)
    assert set(indexes.wanted()) == found(store.prepared)


def test_a_database_that_is_away_is_noticed_soon_and_found_again(mortal_mongod):
    store = Store(mortal_mongod.uri, "away")
    mortal_mongod.stop()
    began = datetime.now(UTC)
    with pytest.raises(PyMongoError):
        store.locations.find_one({})
    assert datetime.now(UTC) - began < timedelta(seconds=5)

    mortal_mongod.start()

    assert within(5, store)
    store.close()


def within(seconds: float, store: Store) -> bool:
    """Whether the database is found again, by who asks and asks."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            return store.locations.find_one({}) is not None
        except PyMongoError:
            time.sleep(0.1)
    return False


# ── cities ──


def test_every_city_is_in_ukraine_and_has_three_names():
    for city in cities.known():
        assert {"en", "ua", "ru"} == {language for language, name in city.name.items() if name}
        assert 22 < city.longitude < 41
        assert 44 < city.latitude < 53
        assert city.people >= 50_000
        assert city.zone in {"Europe/Kyiv", "Europe/Simferopol"}


@pytest.mark.parametrize("words", ["київ", "КИЕ", "Kyi", "kyiv"])
def test_a_city_is_found_by_the_beginning_of_any_of_its_names(store, words):
    answering = [place.city for place in places.every(store.locations) if place.answers_to(words)]

    assert ["kyiv"] == answering


@pytest.mark.parametrize("words", ["Слов'янськ", "Слов’янськ", "слов'ян"])
def test_any_apostrophe_will_do(store, words):
    answering = [place.city for place in places.every(store.locations) if place.answers_to(words)]

    assert ["sloviansk"] == answering


def test_cities_nearby_come_nearest_first(store):
    kyiv = places.one(store.locations, "kyiv")

    assert ["brovary", "irpin", "boryspil"] == [
        place.city for place in places.near(store.locations, kyiv, 3)
    ]


# ── showtimes ──


def test_keeping_a_showtime_again_replaces_it(store):
    rows = [screening(), screening(format="IMAX")]
    assert 2 == schedule.keep(store.showtimes, rows, NOW)

    changed = schedule.keep(store.showtimes, [screening(price=180)], NOW + timedelta(days=1))

    assert 1 == changed
    kept = schedule.upcoming(store.showtimes, "lviv", NOW)
    assert [("", 180), ("IMAX", 160)] == sorted((row.format, row.price) for row in kept)
    assert {NOW} == {document["created_at"] for document in store.showtimes.find()}


def test_an_empty_run_removes_nothing(store):
    schedule.keep(store.showtimes, [screening()], NOW)

    schedule.keep(store.showtimes, [], NOW)

    assert [screening()] == schedule.upcoming(store.showtimes, "lviv", NOW)


def test_only_the_coming_week_of_the_city_is_shown(store):
    hours = {-1: False, 0: True, 167: True, 168: False}
    rows = [screening(start_time=NOW + timedelta(hours=hour)) for hour in hours]
    schedule.keep(store.showtimes, [*rows, screening(city="kyiv", format="3D")], NOW)

    shown = schedule.upcoming(store.showtimes, "lviv", NOW)

    assert [row for row, is_shown in zip(rows, hours.values(), strict=True) if is_shown] == shown


def test_the_pages_queries_are_index_scans(store):
    schedule.keep(store.showtimes, [screening()], NOW)
    week = {"city": "lviv", "start_time": {"$gte": NOW, "$lt": NOW + timedelta(days=7)}}

    plans = [
        store.showtimes.find(week).sort("start_time", 1).explain(),
        store.locations.find({"city": "lviv"}).explain(),
        store.stats.find({"name": "visitor_counter"}).explain(),
    ]

    for plan in plans:
        text = str(plan["queryPlanner"]["winningPlan"])
        assert "IXSCAN" in text
        assert "'SORT'" not in text


def test_a_link_that_is_no_web_address_is_not_a_link():
    assert "" == screening(buy_link="javascript:alert(1)").link
    assert "https://cinema.example/1" == screening().link


# ── visits ──


def test_a_visit_is_counted_once(store):
    session: dict[str, object] = {}

    visits.note(store, session)
    visits.note(store, session)
    visits.note(store, {})

    assert 2 == visits.count(store)
