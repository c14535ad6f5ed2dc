"""
Showtimes: how they are kept, found, and laid out by day, film and cinema.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
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
        """Of any age: what *document* knows nothing of is left as it is without."""
        known = cls.__dataclass_fields__.keys() & document.keys()
        return cls(**{field: document[field] for field in known})

    @property
    def link(self) -> str:
        """
        Where the ticket is sold, if that is a place to send people to: the text came from the open
        web.
        """
        return self.buy_link if self.buy_link.startswith("https://") else ""

    @property
    def key(self) -> str:
        """Its word in addresses: when it starts, and a digest of all that makes it itself."""
        seconds = int(self.start_time.timestamp())
        identity = (self.cinema_id, self.film, str(seconds), self.format, self.language)
        digest = hashlib.sha256("\0".join(identity).encode()).hexdigest()
        return f"{seconds}-{digest[:24]}"


@dataclass(frozen=True)
class Group:
    """Showtimes that share a film, a cinema, a day or a city: the first one speaks for all."""

    rows: tuple[Showtime, ...]
    parts: tuple[Group, ...] = ()

    @property
    def first(self) -> Showtime:
        return self.rows[0]


@dataclass(frozen=True)
class Day:
    """A day of the programme; `on` when something is."""

    date: date
    on: bool


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
    return _found(showtimes, wanted)


def week(
    showtimes: Collection[dict[str, Any]], city: str, zone: ZoneInfo, now: datetime
) -> tuple[Day, ...]:
    """Today and the six days after it, each with whether something still starts in *city*."""
    today = now.astimezone(zone).date()
    dates = [today + timedelta(days=number) for number in range(DAYS)]
    wanted = {"city": city, "start_time": {"$gte": now, "$lt": midnight(dates[-1], zone, 1)}}
    starts = showtimes.distinct("start_time", wanted)
    busy = {start.astimezone(zone).date() for start in starts}
    return tuple(Day(day, day in busy) for day in dates)


def on_day(
    showtimes: Collection[dict[str, Any]], city: str, zone: ZoneInfo, day: date, now: datetime
) -> list[Showtime]:
    """What starts in *city* on *day* and not before *now*, the soonest first."""
    begin = max(now, midnight(day, zone))
    wanted = {"city": city, "start_time": {"$gte": begin, "$lt": midnight(day, zone, 1)}}
    return _found(showtimes, wanted)


def of_film(
    showtimes: Collection[dict[str, Any]], film: str, city: str, now: datetime
) -> list[Showtime]:
    """When *film* is on, in *city* or, where that is empty, in all of them; the soonest first."""
    wanted = {"film": film, "start_time": {"$gte": now, "$lt": now + timedelta(days=DAYS)}}
    return _found(showtimes, {**wanted, "city": city} if city else wanted)


def titles(showtimes: Collection[dict[str, Any]], film: str) -> Mapping[str, str] | None:
    """What *film* is called, or None when it was never on."""
    found = showtimes.find_one({"film": film}, {"movie": True}, sort=[("start_time", -1)])
    return found["movie"] if found else None


def of_key(showtimes: Collection[dict[str, Any]], key: str) -> Showtime | None:
    """The showtime whose `key` that is."""
    seconds = key.partition("-")[0]
    start = datetime.fromtimestamp(int(seconds), UTC)
    wanted = {"start_time": {"$gte": start, "$lt": start + timedelta(seconds=1)}}
    return next((row for row in _found(showtimes, wanted) if row.key == key), None)


def _found(showtimes: Collection[dict[str, Any]], wanted: Mapping[str, Any]) -> list[Showtime]:
    found = showtimes.find(wanted).sort("start_time", 1).limit(MOST)
    return [Showtime.read(document) for document in found]


def midnight(day: date, zone: ZoneInfo, later: int = 0) -> datetime:
    """When *day*, or the one that is *later* days after it, begins in *zone*."""
    return datetime.combine(day + timedelta(days=later), time.min, zone)


def grouped(rows: Iterable[Showtime], *keys: Callable[[Showtime], Hashable]) -> tuple[Group, ...]:
    """*rows* by the first of *keys*, those by the next, each in the order of what comes first."""
    if not keys:
        return ()
    groups: dict[Hashable, list[Showtime]] = {}
    for row in rows:
        groups.setdefault(keys[0](row), []).append(row)
    return tuple(Group(tuple(found), grouped(found, *keys[1:])) for found in groups.values())
