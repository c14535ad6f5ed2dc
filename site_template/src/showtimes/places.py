"""
The cities that the database knows, as pages show them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from pymongo.collection import Collection

from showtimes.lock import STATUS

FRESH_FOR = timedelta(days=1)
# A holder of the lock that died left `processing` behind.
AS_IT_STANDS = {"$set": {"status": STATUS}}
POSITION = re.compile(r"(-?\d{1,2}(?:\.\d{1,8})?),(-?\d{1,3}(?:\.\d{1,8})?)", re.ASCII)


@dataclass(frozen=True)
class Place:
    """A city, and how fresh its showtimes are."""

    city: str
    names: Mapping[str, str]
    people: int
    zone: ZoneInfo
    point: Mapping[str, Any]
    status: str
    last_updated: datetime | None
    metres: float | None = None  # from the visitor, where that is known

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            city=document["city"],
            names=document["city_name"],
            people=document["people"],
            zone=ZoneInfo(document["zone"]),
            point=document["geo"],
            status=document.get("status", "stale"),
            last_updated=document.get("last_updated"),
            metres=document.get("metres"),
        )

    def is_fresh(self, now: datetime) -> bool:
        """Whether what is known of its showtimes needs no other look."""
        return (
            self.status == "fresh"
            and self.last_updated is not None
            and now - self.last_updated < FRESH_FOR
        )

    def answers_to(self, words: str) -> bool:
        """Whether one of its names, in any language, begins with *words*."""
        sought = plain(words)
        return any(plain(name).startswith(sought) for name in (*self.names.values(), self.city))


def plain(words: str) -> str:
    """*words* as people type them: no case, one kind of apostrophe, `-` for a space."""
    return " ".join(words.casefold().replace("’", "'").replace("-", " ").split())


def every(locations: Collection[dict[str, Any]]) -> list[Place]:
    """All cities, the largest first."""
    return [Place.read(document) for document in locations.find().sort("people", -1)]


def one(locations: Collection[dict[str, Any]], city: str) -> Place | None:
    found = locations.aggregate([{"$match": {"city": city}}, AS_IT_STANDS])
    return next((Place.read(document) for document in found), None)


def near(locations: Collection[dict[str, Any]], place: Place, most: int) -> list[Place]:
    """The cities around *place*, the nearest first."""
    around = {"city": {"$ne": place.city}, "geo": {"$nearSphere": {"$geometry": place.point}}}
    return [Place.read(document) for document in locations.find(around).limit(most)]


def position(words: str) -> tuple[float, float] | None:
    """The latitude and longitude that `lat,lon` tells, to about a kilometre; None if no place."""
    found = POSITION.fullmatch(words)
    if not found:
        return None
    latitude, longitude = (round(float(degrees), 2) for degrees in found.groups())
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def from_position(
    locations: Collection[dict[str, Any]], latitude: float, longitude: float
) -> list[Place]:
    """All cities with how far each is, the nearest first."""
    point = {"type": "Point", "coordinates": [longitude, latitude]}
    nearest = {"$geoNear": {"near": point, "key": "geo", "distanceField": "metres"}}
    return [Place.read(document) for document in locations.aggregate([nearest])]
