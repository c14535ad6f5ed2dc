"""
What a visitor wishes to see of a day's programme, read from the address and written back to it.

Pure: knows no database and no request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import time
from typing import Self
from zoneinfo import ZoneInfo

from showtimes.schedule import Showtime

WORD = 60  # letters of a format or a language
PRICE = re.compile(r"\d{1,5}", re.ASCII)
CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
END = time(23, 59, 59, 999_999)
PARTS = {
    "morning": (time(0), time(11, 59, 59, 999_999)),
    "afternoon": (time(12), time(16, 59, 59, 999_999)),
    "evening": (time(17), END),
}


@dataclass(frozen=True)
class Wish:
    """Empty fields wish for nothing.  `since` is a part of the day, or the earliest `HH:MM`."""

    format: str = ""
    language: str = ""
    price: int | None = None
    since: str = ""

    @classmethod
    def read(cls, words: Mapping[str, str]) -> Self:
        """What makes no sense is no wish."""
        price, since = words.get("price", ""), words.get("from", "")
        return cls(
            format=words.get("format", "").strip()[:WORD],
            language=words.get("language", "").strip()[:WORD],
            price=int(price) if PRICE.fullmatch(price) else None,
            since=since if since in PARTS or CLOCK.fullmatch(since) else "",
        )

    @property
    def words(self) -> dict[str, str]:
        """As the address has them."""
        price = "" if self.price is None else str(self.price)
        words = {
            "format": self.format,
            "language": self.language,
            "price": price,
            "from": self.since,
        }
        return {name: word for name, word in words.items() if word}

    @property
    def span(self) -> tuple[time, time]:
        """The first and the last local time that are wished for."""
        if self.since in PARTS:
            return PARTS[self.since]
        return (time.fromisoformat(self.since) if self.since else time.min), END

    def fits(self, row: Showtime, zone: ZoneInfo) -> bool:
        first, last = self.span
        return (
            self.format in {"", row.format}
            and self.language in {"", row.language}
            and (self.price is None or (row.price is not None and row.price <= self.price))
            and first <= row.start_time.astimezone(zone).time() <= last
        )


@dataclass(frozen=True)
class Offer:
    """What there is to wish for: only what occurs, and what is wished for already."""

    formats: tuple[str, ...]
    languages: tuple[str, ...]
    prices: tuple[int, ...]
    parts: tuple[str, ...]
    hours: tuple[str, ...]

    @classmethod
    def of(cls, rows: Iterable[Showtime], zone: ZoneInfo, wish: Wish) -> Self:
        rows = list(rows)
        clocks = {row.start_time.astimezone(zone).time() for row in rows}
        hours = {f"{clock.hour:02}:00" for clock in clocks}
        prices = {row.price for row in rows} | {wish.price}
        return cls(
            formats=tuple(sorted(({row.format for row in rows} | {wish.format}) - {""})),
            languages=tuple(sorted(({row.language for row in rows} | {wish.language}) - {""})),
            prices=tuple(sorted(price for price in prices if price is not None)),
            parts=tuple(
                part
                for part, (first, last) in PARTS.items()
                if part == wish.since or any(first <= clock <= last for clock in clocks)
            ),
            hours=tuple(sorted(hours | ({wish.since} - {*PARTS, ""}))),
        )

    def __bool__(self) -> bool:
        """Whether there is anything to choose."""
        return bool(self.formats or self.languages or self.prices or self.hours)
