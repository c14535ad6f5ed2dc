"""
A stand-in for the Messages API that finds the sample programme in whatever city it is asked about.

It answers as the real one would who found and read one page; it takes its time, so that progress
is seen.  What is then kept is for the tenant's own code to judge.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from zoneinfo import ZoneInfo

import messages_api
import sample
from messages_api import Api, Body, Reply
from showtimes.cities import City

BAR = " | "
NAMED = re.compile(r"in (?P<name>[^(]+) \(")
FILMS = {titles["ua"]: titles for titles in map(sample.titles, sample.SAMPLE["film"])}
FIELDS = ("cinema", "title", "date", "time", "format", "language", "price", "link")


@dataclass
class StandIn(Api):
    """Knows which of its two questions it is asked by the tools that it is given."""

    replies: list[Reply] = field(default_factory=list)
    seconds: float = 0  # for one answer

    def reply(self, body: Body) -> Reply:
        time.sleep(self.seconds)
        if fault := messages_api.fault_of(body, [body]):
            return messages_api.error(400, "invalid_request_error", fault)
        if "format" in body.get("output_config", {}):
            return extracted(body)
        return collected(city_of(body["messages"][0]["content"]))


def handler(api: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(messages_api.handler(api)):
        def do_POST(self) -> None:  # noqa: N802 -- the name that http.server calls
            # Whoever asked may have ended with its worker.
            with suppress(ConnectionError):
                super().do_POST()

    return Handler


def city_of(question: str) -> City:
    name = NAMED.search(question)
    return next(city for city in sample.CITIES.values() if name and city.name["en"] == name["name"])


def collected(city: City) -> Reply:
    """The page of *city* as it was read, after one search."""
    url = sample.page_of(city)
    title = sample.marked("Розклад сеансів", "ua")
    read = messages_api.fetched(url, title, page(city))
    return messages_api.message(
        *messages_api.searched(url), *read, messages_api.text("done"), searches=1, fetches=1
    )


def page(city: City) -> str:
    """A screening on each line."""
    zone = ZoneInfo(city.zone)
    lines = []
    for row in sample.programme(city, datetime.now(UTC)):
        start = row.start_time.astimezone(zone)
        lines.append(
            BAR.join(
                (
                    *(row.cinema_name, row.movie["ua"], f"{start:%Y-%m-%d}", f"{start:%H:%M}"),
                    *(row.format, row.language, str(row.price), row.buy_link),
                )
            )
        )
    return "\n".join(lines)


def extracted(body: Body) -> Reply:
    """Each line of the page that came with the question, in the shape that was asked for."""
    text: str = body["messages"][-1]["content"][0]["content"]
    # A long page is cut off somewhere in a line.
    whole = (line for line in text.splitlines() if line.count(BAR) == len(FIELDS) - 1)
    return messages_api.showtimes(*map(claim, whole))


def claim(line: str) -> dict[str, Any]:
    said: dict[str, Any] = dict(zip(FIELDS, line.split(BAR), strict=True))
    names = FILMS[said["title"]]
    translated = {f"title_{code}": name for code, name in names.items()}
    return {**said, **translated, "price": int(said["price"]), "quote": line}
