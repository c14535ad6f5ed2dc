"""
The cities that the site knows from its own file, `cities.toml`, and their way into the database.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

FILE = Path(__file__).with_name("cities.toml")
ZONE = "Europe/Kyiv"
DUPLICATE_KEY = 11000


@dataclass(frozen=True)
class City:
    """A city: its word in addresses, its name in each language, and where it is (degrees)."""

    slug: str
    name: dict[str, str]
    longitude: float
    latitude: float
    people: int
    zone: str

    @property
    def facts(self) -> dict[str, Any]:
        """What the database should hold of it, whatever else it holds."""
        return {
            "city_name": self.name,
            "geo": {"type": "Point", "coordinates": [self.longitude, self.latitude]},
            "zone": self.zone,
            "people": self.people,
        }


def known() -> tuple[City, ...]:
    """Every city of the file, the largest first."""
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return tuple(sorted(map(_city, tables, tables.values()), key=lambda city: -city.people))


def _city(slug: str, table: dict[str, Any]) -> City:
    longitude, latitude = table["at"]
    return City(
        slug=slug,
        name={language: table[language] for language in ("en", "ua", "ru")},
        longitude=longitude,
        latitude=latitude,
        people=table["people"],
        zone=table.get("zone", ZONE),
    )


def seed(locations: Collection[dict[str, Any]]) -> int:
    """
    Bring *locations* up to the file, and tell how many cities were new or changed.  Removes none.
    """
    there = {found["city"]: found for found in locations.find({}, {"_id": False})}
    changes = [upsert(city) for city in known() if not _is_in(city, there)]
    if changes:
        _write(locations, changes)
    return len(changes)


def _is_in(city: City, there: dict[str, dict[str, Any]]) -> bool:
    found = there.get(city.slug, {})
    return all(found.get(key) == fact for key, fact in city.facts.items())


def upsert(city: City) -> UpdateOne:
    fresh = {"status": "stale", "last_updated": None}
    return UpdateOne({"city": city.slug}, {"$set": city.facts, "$setOnInsert": fresh}, upsert=True)


def _write(locations: Collection[dict[str, Any]], changes: list[UpdateOne]) -> None:
    try:
        locations.bulk_write(changes, ordered=False)
    except BulkWriteError as error:
        # Many workers start at once; that another one was faster is no fault.
        if any(fault["code"] != DUPLICATE_KEY for fault in error.details["writeErrors"]):
            raise
