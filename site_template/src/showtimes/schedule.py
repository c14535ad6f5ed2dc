"""
Showtimes: how they are kept, found, and laid out by day, film and cinema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Self
from zoneinfo import ZoneInfo

from pymongo import UpdateOne
from pymongo.collection import Collection

IDENTITY = ("cinema_id", "film", "start_time", "format", "language")
DAYS = 7
MOST = 2_000  # rows of one page


@dataclass(frozen=True)
class Showtime:
    """
    One screening.  `start_time` is aware, `price` is in hryvnias, `film` is one word for all its
    titles.
    """

    city: str
    cinema_id: str
    cinema_name: str
    film: str
    movie: Mapping[str, str]
    start_time: datetime
    format: str = ""
    language: str = ""
    price: int | None = None
    buy_link: str = ""
    source: str = ""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        return cls(**{field: document[field] for field in cls.__dataclass_fields__})

    @property
    def link(self) -> str:
        """
        Where the ticket is sold, if that is a place to send people to: the text came from the open
        web.
        """
        return self.buy_link if self.buy_link.startswith("https://") else ""


@dataclass(frozen=True)
class Cinema:
    name: str
    showtimes: tuple[Showtime, ...]


@dataclass(frozen=True)
class Film:
    movie: Mapping[str, str]
    cinemas: tuple[Cinema, ...]


@dataclass(frozen=True)
class Day:
    date: date
    films: tuple[Film, ...]


def keep(showtimes: Collection[dict[str, Any]], rows: Iterable[Showtime], now: datetime) -> int:
    """Insert or replace *rows*, and tell how many were new or changed.  Nothing is ever removed."""
    writes = [_upsert(row, now) for row in rows]
    if not writes:
        return 0
    result = showtimes.bulk_write(writes, ordered=False)
    return result.upserted_count + result.modified_count


def _upsert(row: Showtime, now: datetime) -> UpdateOne:
    document = asdict(row)
    identity = {field: document.pop(field) for field in IDENTITY}
    return UpdateOne(identity, {"$set": document, "$setOnInsert": {"created_at": now}}, upsert=True)


def upcoming(
    showtimes: Collection[dict[str, Any]], city: str, now: datetime, days: int = DAYS
) -> list[Showtime]:
    """What starts in *city* within *days*, the soonest first."""
    wanted = {"city": city, "start_time": {"$gte": now, "$lt": now + timedelta(days=days)}}
    found = showtimes.find(wanted).sort("start_time", 1).limit(MOST)
    return [Showtime.read(document) for document in found]


def programme(rows: Iterable[Showtime], zone: ZoneInfo) -> tuple[Day, ...]:
    """
    *rows*, which are in order of time, by the city's days; then films by their first screening.
    """
    days = groupby(rows, key=lambda row: row.start_time.astimezone(zone).date())
    return tuple(Day(day, _films(list(screenings))) for day, screenings in days)


def _films(rows: list[Showtime]) -> tuple[Film, ...]:
    films = _gathered(rows, "film")
    return tuple(Film(screenings[0].movie, _cinemas(screenings)) for screenings in films)


def _cinemas(rows: list[Showtime]) -> tuple[Cinema, ...]:
    cinemas = _gathered(rows, "cinema_id")
    return tuple(Cinema(group[0].cinema_name, tuple(group)) for group in cinemas)


def _gathered(rows: list[Showtime], field: str) -> list[list[Showtime]]:
    groups: dict[str, list[Showtime]] = {}
    for row in rows:
        groups.setdefault(getattr(row, field), []).append(row)
    return list(groups.values())
