"""
An invented programme, of `sample.toml`: the same for the same city and day.

It goes no other way into the database than what is gathered, and says of itself that it is a
sample.  Tickets lead to example.com, which is kept for examples (RFC 2606) and says so.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gather.slugs import slug
from showtimes import cities
from showtimes.cities import City
from showtimes.schedule import DAYS, Showtime

SAMPLE: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("sample.toml").read_text(encoding="utf-8")
)
HOST = "https://example.com"
MORNING = time(12)
LESS = 30  # hryvnias, before noon
CITIES = {city.slug: city for city in cities.known()}


def programme(city: City, now: datetime) -> Iterator[Showtime]:
    """What is on in *city* from *now* on, for a week."""
    zone = ZoneInfo(city.zone)
    today = now.astimezone(zone).date()
    for ahead in range(DAYS):
        for row in _day(city, today + timedelta(days=ahead), zone):
            if row.start_time > now:
                yield row


def _day(city: City, day: date, zone: ZoneInfo) -> Iterator[Showtime]:
    for number, cinema in enumerate(_cinemas(city)):
        for place, film in enumerate(SAMPLE["film"]):
            turn = place + 2 * number + day.toordinal()
            for hall, start in enumerate(SAMPLE["starts"]):
                # Not every film is on in each cinema, nor at each hour.
                if turn % 3 and (turn + 3 * hall) % 4 == 0:
                    begin = datetime.combine(day, time.fromisoformat(start), zone)
                    kind = film["formats"][(turn + hall) % len(film["formats"])]
                    yield _row(city, cinema, film, begin + timedelta(minutes=5 * place), kind)


def _cinemas(city: City) -> list[str]:
    most = 2 + city.people // 500_000
    return [marked(cinema, "ua") for cinema in SAMPLE["cinemas"][:most]]


def _row(city: City, cinema: str, film: dict[str, Any], start: datetime, kind: str) -> Showtime:
    movie = titles(film)
    return Showtime(
        city=city.slug,
        cinema_id=f"{city.slug}-{slug(cinema)}",
        cinema_name=cinema,
        film=slug(movie["ua"]),
        movie=movie,
        start_time=start,
        format=kind,
        language=film.get("language", "ua"),
        price=SAMPLE["prices"][kind] - (LESS if start.time() < MORNING else 0),
        buy_link=f"{HOST}/tickets/{slug(cinema)}",
        source=page_of(city),
    )


def page_of(city: City) -> str:
    """Where the programme of *city* would be read."""
    return f"{HOST}/{city.slug}"


def titles(film: dict[str, Any]) -> dict[str, str]:
    return {language: marked(film[language], language) for language in SAMPLE["mark"]}


def marked(name: str, language: str) -> str:
    return f"{name} ({SAMPLE['mark'][language]})"
