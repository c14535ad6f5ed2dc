"""
What a run is asked to do, parsed at the door.

Everything of it was made by our own parent, and is held to its shape all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gather import addresses
from gather.money import PRICES

LANGUAGES = ("en", "ua", "ru")
EFFORTS = ("low", "medium", "high")
MOST_PAGES = 20
MOST_JOBS = 1_000
LONGEST_WAIT = 24  # hours, after which the API gives a batch up
LONGEST_URL = 250  # of web fetch
KNOWN = frozenset(
    {"city", "now", "pages", "days", "model", "effort", "searches", "fetches", "page_tokens"}
    | {"continuations", "hosts"}
)


class BadJob(ValueError):
    """All that is wrong with the input, each fault with its address."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class City:
    slug: str
    names: Mapping[str, str]
    country: str
    zone: ZoneInfo
    longitude: float
    latitude: float


@dataclass(frozen=True)
class Job:
    """`now` is aware; `page_tokens` is for each page; `hosts` may be empty."""

    city: City
    now: datetime
    pages: tuple[str, ...] = ()
    days: int = 7
    model: str = "claude-haiku-5-5"
    effort: str = "medium"
    searches: int = 3
    fetches: int = 4
    page_tokens: int = 6_000
    continuations: int = 4
    hosts: frozenset[str] = frozenset()

    @property
    def today(self) -> datetime:
        """`now` on the clocks of the city."""
        return self.now.astimezone(self.city.zone)

    @property
    def end(self) -> datetime:
        return self.now + timedelta(days=self.days)


@dataclass(frozen=True)
class Jobs:
    """Jobs of different cities, and in how many hours all of them must be done."""

    jobs: tuple[Job, ...]
    hours: float


def read(text: bytes) -> Job:
    """Raises `BadJob`."""
    reader = Reader(_input(text), "")
    job = _job(reader)
    if reader.faults or job is None:
        raise BadJob(reader.faults)
    return job


def read_many(text: bytes) -> Jobs:
    """`{"jobs": [job, …], "hours": 4}`; raises `BadJob`."""
    reader = Reader(_input(text), "")
    reader.refuse_unknown(frozenset({"jobs", "hours"}))
    hours = reader.take("hours", _hours)
    tables = reader.take("jobs", _jobs) or ()
    found = [
        _job(Reader(table, f"jobs/{number}/", reader.faults)) for number, table in enumerate(tables)
    ]
    jobs = tuple(job for job in found if job is not None)
    if len({job.city.slug for job in jobs}) < len(jobs):
        reader.faults.append("jobs has a city more than once")
    if reader.faults:
        raise BadJob(reader.faults)
    return Jobs(jobs, hours)


def _input(text: bytes) -> dict[str, Any]:
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        raise BadJob(["the input is not JSON"]) from None
    if not isinstance(table, dict):
        raise BadJob(["the input is not an object"])
    return table


class Reader:
    """A cursor over a table; `faults` holds all that was wrong."""

    def __init__(
        self, table: Mapping[str, Any], where: str, faults: list[str] | None = None
    ) -> None:
        self._table, self._where = table, where
        self.faults: list[str] = [] if faults is None else faults

    def take(self, key: str, parse: Callable[[Any], Any], default: Any = None) -> Any:
        """The parsed value under *key*; a fault and None if it cannot be."""
        if key not in self._table:
            if default is None:
                self.faults.append(f"{self._where}{key} is missing")
            return default
        try:
            return parse(self._table[key])
        except (ValueError, TypeError, KeyError, OSError):
            self.faults.append(f"{self._where}{key} is not what it should be")
            return None

    def below(self, key: str) -> Reader:
        table = self.take(key, _table)
        return Reader(table or {}, f"{self._where}{key}.", self.faults)

    def refuse_unknown(self, known: frozenset[str]) -> None:
        if self._table.keys() - known:
            self.faults.append(f"{self._where or 'the input'} has keys that nobody reads")


def _job(reader: Reader) -> Job | None:
    reader.refuse_unknown(KNOWN)
    city = _city(reader.below("city"))
    words = {
        "now": reader.take("now", _moment),
        "pages": reader.take("pages", _pages, ()),
        "days": reader.take("days", _within(1, 14), 7),
        "model": reader.take("model", _one_of(PRICES), "claude-haiku-5-5"),
        "effort": reader.take("effort", _one_of(EFFORTS), "medium"),
        "searches": reader.take("searches", _within(0, 10), 3),
        "fetches": reader.take("fetches", _within(1, 20), 4),
        "page_tokens": reader.take("page_tokens", _within(500, 50_000), 6_000),
        "continuations": reader.take("continuations", _within(0, 10), 4),
        "hosts": reader.take("hosts", _hosts, frozenset()),
    }
    return None if reader.faults or city is None else Job(city=city, **words)


def _city(reader: Reader) -> City | None:
    slug = reader.take("slug", _matching(r"[a-z][a-z0-9-]{0,62}"))
    names = reader.take("names", _names)
    country = reader.take("country", _matching(r"[A-Z]{2}"))
    zone = reader.take("zone", lambda name: ZoneInfo(_matching(r"[A-Za-z0-9_+/-]{1,64}")(name)))
    at = reader.take("at", _point)
    return None if reader.faults else City(slug, names, country, zone, *at)


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _jobs(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not 0 < len(value) <= MOST_JOBS:
        raise ValueError
    return [_table(each) for each in value]


def _hours(value: Any) -> float:
    if type(value) not in {int, float} or not 0 < value <= LONGEST_WAIT:
        raise ValueError
    return float(value)


def _matching(rule: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(rule, value):
            raise ValueError
        return value

    return parse


def _names(value: Any) -> dict[str, str]:
    return {language: _matching(r"[^\n\r<>]{1,100}")(value[language]) for language in LANGUAGES}


def _point(value: Any) -> tuple[float, float]:
    longitude, latitude = map(float, value)
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise ValueError
    return longitude, latitude


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError
    return moment


def _pages(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST_PAGES:
        raise ValueError
    if any(len(url) > LONGEST_URL for url in value):
        raise ValueError
    return tuple(url for url in value if addresses.host_of(url))


def _hosts(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(map(addresses.is_host, value)):
        raise ValueError
    return frozenset(value)


def _within(least: int, most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError
        return value

    return parse


def _one_of(known: Any) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in known:
            raise ValueError
        return str(value)

    return parse
