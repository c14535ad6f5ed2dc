"""
What is kept of the model's claims: only what literally stands on the page that it was read from.

Time, title and cinema must stand there, and the quote, with the time in it; the day must at least
be named.  What a page itself says wrongly cannot be told here, and is said with its source.
A link that is not on the page is an invention, and its row goes with it; a link that is there but
is no place to send people to is dropped alone, and the row stays.  Both are counted.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

from gather import addresses, evidence
from gather.evidence import Page
from gather.extracting import Claim
from gather.job import City, Job
from gather.slugs import slug

TIME = re.compile(r"([01]?[0-9]|2[0-3])[:.]([0-5][0-9])")
TODAY = ("сьогодні", "сегодня", "today")
TOMORROW = ("завтра", "tomorrow")
FORMAT = re.compile(r"[\w+./ -]{1,24}")
LONGEST_TITLE = 160
MOST_ROWS = 1_000
DEAREST = 5_000  # hryvnias
BAIT = re.compile(r"://|www\.|[<>@\n\r\x00]|\b[\w-]+\.(com|net|org|ua|ru|io|info)\b", re.IGNORECASE)


class Rejected(ValueError):
    """A claim that is not kept; says why in one word of the report."""


@dataclass(frozen=True)
class Row:
    """One screening, as the parent gets it; `start_time` is on the clocks of the city."""

    cinema_id: str
    cinema_name: str
    film: str
    movie: dict[str, str]
    start_time: datetime
    format: str
    language: str
    price: int | None
    buy_link: str
    source: str

    @property
    def identity(self) -> tuple[object, ...]:
        return (self.cinema_id, self.film, self.start_time, self.format, self.language)

    @property
    def words(self) -> dict[str, Any]:
        return {**vars(self), "start_time": self.start_time.isoformat()}


@dataclass
class Verdict:
    """The rows so far, and what was dropped, by its reason."""

    rows: dict[tuple[object, ...], Row] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)

    def judge(self, job: Job, page: Page, claims: list[Claim]) -> None:
        for claim in claims:
            try:
                row = self._row(job, page, claim)
            except Rejected as rejected:
                self.dropped[str(rejected)] += 1
                continue
            if row.identity in self.rows:
                self.dropped["double"] += 1
            elif len(self.rows) >= MOST_ROWS:
                self.dropped["too-many"] += 1
            else:
                self.rows[row.identity] = row

    def drop_links(self, faults: dict[str, str]) -> None:
        for identity, row in self.rows.items():
            if row.buy_link in faults:
                self.dropped[faults[row.buy_link]] += 1
                self.rows[identity] = replace(row, buy_link="")

    def drop_begun(self, now: datetime) -> None:
        """What began while the answers were on their way."""
        begun = [identity for identity, row in self.rows.items() if row.start_time <= now]
        for identity in begun:
            del self.rows[identity]
            self.dropped["past"] += 1

    def _row(self, job: Job, page: Page, claim: Claim) -> Row:
        hold_to_page(page, claim)
        start = start_of(job, page, claim)
        row = row_of(job.city, page, claim, start)
        try:
            return replace(row, buy_link=link_of(job, page, claim))
        except addresses.BadLink as bad:
            self.dropped[bad.reason] += 1
            return row


def hold_to_page(page: Page, claim: Claim) -> None:
    """Raises `Rejected` for what does not stand there."""
    quote = evidence.plain(claim.quote)
    if not TIME.fullmatch(claim.time) or not page.has(claim.time):
        raise Rejected("time-not-in-evidence")
    if not quote or quote not in page.plain:
        raise Rejected("quote-not-in-evidence")
    if not re.search(rf"(?<![\d:.]){re.escape(claim.time)}(?!\d)", quote):
        raise Rejected("time-not-in-quote")
    if len(claim.title) > LONGEST_TITLE or not page.has(claim.title):
        raise Rejected("title-not-in-evidence")
    if BAIT.search(claim.title) or BAIT.search(claim.cinema):
        raise Rejected("text-unfit")
    if len(claim.cinema) > LONGEST_TITLE or not page.has(claim.cinema):
        raise Rejected("cinema-not-in-evidence")
    if claim.link and not page.has_link(claim.link):
        raise Rejected("link-not-in-evidence")


def start_of(job: Job, page: Page, claim: Claim) -> datetime:
    """Raises `Rejected` if it is no time to come within the days asked for."""
    hour, minute = map(int, re.split(r"[:.]", claim.time))
    try:
        day = date.fromisoformat(claim.date)
    except ValueError:
        raise Rejected("date-unreadable") from None
    start = datetime(day.year, day.month, day.day, hour, minute, tzinfo=job.city.zone)
    if start <= job.now:
        raise Rejected("past")
    if start > job.end:
        raise Rejected("beyond-days")
    if not names_day(page, day, job.today.date()):
        raise Rejected("date-not-in-evidence")
    return start


def names_day(page: Page, day: date, today: date) -> bool:
    """
    Whether the page names *day*, in digits or by a word.  One that names no other day tells of
    today, which is not asked for.
    """
    if day == today:
        return True
    if day == today + timedelta(days=1) and any(map(page.has, TOMORROW)):
        return True
    return bool(re.search(rf"(?<![\d:])0?{day.day}(?![\d:])", f"{page.plain} {page.url}"))


def row_of(city: City, page: Page, claim: Claim, start: datetime) -> Row:
    movie = {
        "en": title_of(claim.title_en, claim.title),
        "ua": title_of(claim.title_ua, claim.title),
        "ru": title_of(claim.title_ru, claim.title),
    }
    return Row(
        # With the city: chains give one name to their cinemas in all of them.
        cinema_id=f"{city.slug}-{slug(claim.cinema)}",
        cinema_name=" ".join(claim.cinema.split()),
        film=slug(movie["ua"]),
        movie=movie,
        start_time=start,
        format=claim.format if FORMAT.fullmatch(claim.format) and page.has(claim.format) else "",
        language=claim.language.lower() if claim.language.lower() in {"ua", "en", "ru"} else "",
        price=claim.price if is_price(page, claim.price) else None,
        buy_link="",
        source=page.url,
    )


def title_of(translated: str, title: str) -> str:
    """The translation if it could be a title; it is the one text that a page need not hold."""
    fit = translated and len(translated) <= LONGEST_TITLE and not BAIT.search(translated)
    return " ".join((translated if fit else title).split())


def is_price(page: Page, price: int | None) -> bool:
    return price is not None and 0 < price <= DEAREST and page.has(str(price))


def link_of(job: Job, page: Page, claim: Claim) -> str:
    """Where the ticket is sold, as a whole address; raises `BadLink`."""
    if not claim.link:
        return ""
    try:
        link = urljoin(page.url, claim.link)
        urlsplit(link)
    except ValueError:
        raise addresses.BadLink("link-shape") from None
    addresses.allowed(link, ticket_hosts(job, page.url))
    return link


def ticket_hosts(job: Job, source: str) -> frozenset[str]:
    """Where tickets may be sold: at the hosts of the job, else at the page's own."""
    return job.hosts or frozenset({urlsplit(source).hostname or ""})
