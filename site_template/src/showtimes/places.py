"""
The cities that the database knows, as pages show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from pymongo.collection import Collection


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

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            city=document["city"],
            names=document["city_name"],
            people=document["people"],
            zone=ZoneInfo(document["zone"]),
            point=document["geo"],
            status=document["status"],
            last_updated=document["last_updated"],
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
    document = locations.find_one({"city": city})
    return Place.read(document) if document else None


def near(locations: Collection[dict[str, Any]], place: Place, most: int) -> list[Place]:
    """The cities around *place*, the nearest first."""
    around = {"city": {"$ne": place.city}, "geo": {"$nearSphere": {"$geometry": place.point}}}
    return [Place.read(document) for document in locations.find(around).limit(most)]
