"""
Cities that the site's owner adds to those of the file, in the database alone.

It may not touch a city of the file: seeding would bring that back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from pymongo.collection import Collection

from showtimes import cities
from showtimes.cities import ZONE, City

Locations = Collection[dict[str, Any]]

SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_SLUG = 60
# What stands first in other addresses of the site; a test compares.
RESERVED = frozenset(
    {"api", "film", "healthz", "metrics", "readyz", "showtime", "static", "visit"}
)  # fmt: skip
LETTERS = {
    "en": ("Latin letters", re.compile(r"[A-Za-z][A-Za-z' -]{0,59}")),
    "ua": (
        "Ukrainian letters",
        re.compile(r"(?!.*[ыэёъ])[а-яґєії][а-яґєії'’ -]{0,59}", re.IGNORECASE),
    ),
    "ru": ("Russian letters", re.compile(r"[а-яё][а-яё -]{0,59}", re.IGNORECASE)),
}
NUMBER = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,8})?", re.ASCII)
NORTH, EAST = (44, 53), (22, 41)  # of Ukraine, in whole degrees
MOST_PEOPLE = 50_000_000


class BadCity(ValueError):
    """All that is wrong with a city."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def city(words: Mapping[str, str]) -> City:
    """
    The city that *words* tell of: `slug`, `en`, `ua`, `ru`, `at`, `people`, `zone`.

    Raises `BadCity`.
    """
    faults: list[str] = []

    def take(key: str, parse: Callable[[str], Any]) -> Any:
        try:
            return parse(words.get(key, "").strip())
        except ValueError as error:
            faults.append(str(error))
            return None

    slug = take("slug", _slug)
    names = {language: take(language, _name_in(language)) for language in LETTERS}
    at = take("at", _point)
    people = take("people", _people)
    zone = take("zone", _zone)
    if faults:
        raise BadCity(faults)
    return City(slug, names, longitude=at[1], latitude=at[0], people=people, zone=zone)


def _slug(word: str) -> str:
    if not word:
        raise ValueError("the city's word for addresses is missing, as in `vyshneve`")
    if not SLUG.fullmatch(word) or len(word) > LONGEST_SLUG:
        raise ValueError(
            f"`{word}` is no word for an address: lower-case letters, digits and single `-`, "
            f"a letter first, at most {LONGEST_SLUG}"
        )
    if word in RESERVED:
        raise ValueError(f"`{word}` is another page of the site")
    return word


def _name_in(language: str) -> Callable[[str], str]:
    def name(word: str) -> str:
        script, letters = LETTERS[language]
        if not word:
            raise ValueError(f"the name in `{language}` is missing: `--{language} NAME`")
        if not letters.fullmatch(word):
            raise ValueError(f"`{word}` is no name in {script} (`--{language}`)")
        # As it is written in the file of cities.
        return word.replace("'", "’")

    return name


def _point(words: str) -> tuple[float, float]:
    if not words:
        raise ValueError("the place is missing: `--at LATITUDE,LONGITUDE` in degrees")
    north, _, east = (part.strip() for part in words.partition(","))
    if not (NUMBER.fullmatch(north) and NUMBER.fullmatch(east)):
        raise ValueError(f"`{words}` is no place: `--at LATITUDE,LONGITUDE` in degrees")
    point = float(north), float(east)
    if not (NORTH[0] <= point[0] <= NORTH[1] and EAST[0] <= point[1] <= EAST[1]):
        raise ValueError(
            f"`{words}` is not in Ukraine: latitude {NORTH[0]} to {NORTH[1]} first, "
            f"then longitude {EAST[0]} to {EAST[1]}"
        )
    return point


def _people(word: str) -> int:
    if not word:
        raise ValueError("the number of people is missing: `--people 41000`")
    if not re.fullmatch(r"[0-9]{1,9}", word, re.ASCII) or not 0 < int(word) <= MOST_PEOPLE:
        raise ValueError(f"`{word}` is no number of people: `--people 41000`")
    return int(word)


def _zone(word: str) -> str:
    name = word or ZONE
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # what cannot be found, and what cannot be a name
        raise ValueError(f"`{name}` is no time zone that this server knows") from None
    return name


def add(locations: Locations, added: City) -> list[str]:
    """
    Put *added* into the database, and tell which facts are new; none when it stood there so.

    Raises `BadCity` if it is a city of the file.
    """
    refuse_of_file(added.slug)
    found = locations.find_one({"city": added.slug}) or {}
    new = [key for key, fact in added.facts.items() if found.get(key) != fact]
    if new:
        locations.bulk_write([cities.upsert(added)])
    return new


def remove(locations: Locations, slug: str) -> bool:
    """
    Forget the city; whether it was there.  Its showtimes stay until they expire.

    Raises `BadCity` if it is a city of the file.
    """
    refuse_of_file(slug)
    return bool(locations.delete_one({"city": slug}).deleted_count)


def refuse_of_file(slug: str) -> None:
    if slug in of_file():
        raise BadCity(
            [f"`{slug}` is one of the cities that come with the site, and stays as it is"]
        )


def of_file() -> frozenset[str]:
    return frozenset(city.slug for city in cities.known())
