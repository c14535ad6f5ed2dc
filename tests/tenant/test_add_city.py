"""
Claims about the program that adds a city, run as the site's owner runs it.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from showtimes import additions, cities, places
from showtimes.database import Store
from tenant_processes import SOURCE, free_port

pytestmark = pytest.mark.tenant

WORDS = {
    "--en": "Vyshneve",
    "--ua": "Вишневе",
    "--ru": "Вишнёвое",
    "--at": "50.389,30.37",
    "--people": "41000",
}


@pytest.fixture
def owner(house, settings):
    house.env(
        MONGODB_URI=settings.mongodb_uri,
        MONGODB_DATABASE=settings.mongodb_database,
        SECRET_KEY=settings.secret_key,
    )

    def types(*words: str, **changed: str) -> subprocess.CompletedProcess[str]:
        named = {**WORDS, **{f"--{key}": word for key, word in changed.items()}}
        facts = [part for pair in named.items() for part in pair] if "--" not in words else []
        argv = [
            sys.executable,
            str(SOURCE / "add_city.py"),
            *(w for w in words if w != "--"),
            *facts,
        ]
        return subprocess.run(
            argv, cwd=house.directory, capture_output=True, text=True, timeout=60, check=False
        )

    return types


def test_a_city_that_was_added_is_a_place_like_any_other(owner, store):
    done = owner("vyshneve")

    assert (0, "") == (done.returncode, done.stderr)
    assert "`vyshneve` is a city of the site now: city_name, geo, zone, people set\n" == done.stdout
    place = places.one(store.locations, "vyshneve")
    assert {"en": "Vyshneve", "ua": "Вишневе", "ru": "Вишнёвое"} == place.names
    assert ([30.37, 50.389], 41_000) == (place.point["coordinates"], place.people)
    assert ("Europe/Kyiv", "stale") == (place.zone.key, place.status)
    assert "vyshneve" in {near.city for near in places.near(store.locations, place, 200)} ^ {
        "vyshneve"
    }


def test_a_visitor_finds_it(owner, client):
    owner("vyshneve")

    assert "Vyshneve" in client.get("/vyshneve", headers={"Accept-Language": "en"}).text


def test_adding_it_again_changes_nothing_and_other_words_correct_it(owner, store):
    owner("vyshneve")
    store.locations.update_one({"city": "vyshneve"}, {"$set": {"status": "fresh"}})

    again, corrected = owner("vyshneve"), owner("vyshneve", people="42000")

    assert "`vyshneve` stands there just so; nothing was changed\n" == again.stdout
    assert "`vyshneve` is a city of the site now: people set\n" == corrected.stdout
    place = places.one(store.locations, "vyshneve")
    assert (42_000, "fresh") == (place.people, place.status)
    assert 1 == store.locations.count_documents({"city": "vyshneve"})


def test_seeding_does_not_undo_it(owner, settings, store):
    owner("vyshneve")
    store.locations.update_one({"city": "kyiv"}, {"$set": {"people": 1}})

    assert 1 == cities.seed(store.locations)
    fresh = Store(settings.mongodb_uri, settings.mongodb_database)

    assert len(cities.known()) + 1 == fresh.locations.count_documents({})
    fresh.close()


def test_every_fault_is_told_at_once(owner):
    done = owner(
        "Vyshneve!", en="Вишневе", ua="Вишнёвое", ru="Вишневе-ї", at="30.37,50.389", people="many",
        zone="Europe/Vyshneve",
    )  # fmt: skip

    assert (1, "") == (done.returncode, done.stdout)
    told = done.stderr.splitlines()
    assert 7 == len(told)
    for line, word in zip(
        told,
        ("Vyshneve!", "--en", "--ua", "--ru", "not in Ukraine", "many", "time zone"),
        strict=True,
    ):
        assert line.startswith("error: ")
        assert word in line


def test_what_is_missing_is_told_without_a_database(house):
    argv = [sys.executable, str(SOURCE / "add_city.py")]
    done = subprocess.run(
        argv, cwd=house.directory, capture_output=True, text=True, timeout=60, check=False
    )

    assert (1, ["is missing"] * 6) == (
        done.returncode,
        ["is missing" if "is missing" in line else line for line in done.stderr.splitlines()],
    )


@pytest.mark.parametrize(
    "at", ["50.389", "50.389;30.37", "50.389,30.37,1", "nan,30", "1e1,30", "²,30"]
)
def test_what_is_no_place_is_refused(at):
    words = {"slug": "x", "en": "X", "ua": "Х", "ru": "Х", "people": "1", "zone": "", "at": at}

    with pytest.raises(additions.BadCity, match="is no place"):
        additions.city(words)


@pytest.mark.parametrize("zone", ["../etc/passwd", "/etc/passwd", "Europe", "x" * 300, "\0"])
def test_what_is_no_zone_is_refused(zone):
    words = {
        "slug": "x",
        "en": "X",
        "ua": "Х",
        "ru": "Х",
        "people": "1",
        "at": "50,30",
        "zone": zone,
    }

    with pytest.raises(additions.BadCity, match="is no time zone"):
        additions.city(words)


def test_no_other_page_of_the_site_can_be_taken_for_a_city(app):
    firsts = {str(rule).split("/")[1] for rule in app.url_map.iter_rules()}

    words = {first for first in firsts if additions.SLUG.fullmatch(first)}

    assert words <= additions.RESERVED
    with pytest.raises(additions.BadCity, match="another page"):
        additions.city({"slug": "metrics"})


@pytest.mark.parametrize("words", [("kyiv",), ("--", "--remove", "kyiv")])
def test_a_city_that_comes_with_the_site_stays_as_it_is(owner, store, words):
    done = owner(*words)

    assert (1, True) == (done.returncode, "stays as it is" in done.stderr)
    assert 2_952_301 == places.one(store.locations, "kyiv").people


def test_a_city_that_was_added_can_be_removed_and_its_showtimes_expire(owner, store):
    owner("vyshneve")
    store.showtimes.insert_one({"city": "vyshneve"})

    done, again = owner("--", "--remove", "vyshneve"), owner("--", "--remove", "vyshneve")

    assert "`vyshneve` is removed; its showtimes are deleted when they expire\n" == done.stdout
    assert (0, "there is no city `vyshneve`; nothing was changed\n") == (
        again.returncode,
        again.stdout,
    )
    assert places.one(store.locations, "vyshneve") is None
    assert 1 == store.showtimes.count_documents({"city": "vyshneve"})


def test_cities_are_listed_with_what_was_added(owner):
    owner("vyshneve")

    rows = [line.split("\t") for line in owner("--", "--list").stdout.splitlines()]

    assert len(cities.known()) + 1 == len(rows)
    assert [
        "kyiv",
        "Kyiv",
        "Київ",
        "Киев",
        "50.45466,30.52380",
        "2952301",
        "Europe/Kyiv",
        "of the site",
    ] == rows[0]
    assert ["vyshneve"] == [row[0] for row in rows if row[-1] == "added"]


def test_words_that_do_not_go_together_are_a_usage_error(owner):
    done = owner("vyshneve", "--list")

    assert (2, "") == (done.returncode, done.stdout)
    assert "--list and --remove go without slug, en, ua, ru, at, people" in done.stderr


def test_a_database_that_is_away_fails_it_in_one_line(house, settings):
    uri = f"mongodb://user:hush@127.0.0.1:{free_port()}"
    house.env(MONGODB_URI=uri, MONGODB_DATABASE="x", SECRET_KEY="x")
    argv = [sys.executable, str(SOURCE / "add_city.py"), "--list"]
    done = subprocess.run(
        argv, cwd=house.directory, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stderr.startswith("error: the database failed: ")
    assert (1, 1, False) == (done.returncode, done.stderr.count("\n"), "hush" in done.stderr)
