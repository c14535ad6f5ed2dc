"""
What search engines ask for: which addresses are worth their while, and which are not.

Knows no visitor, and counts none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, current_app, url_for

from showtimes import places
from showtimes.database import Store, store_of
from showtimes.languages import LANGUAGES
from showtimes.schedule import DAYS

robots = Blueprint("robots", __name__)

KEEP = "public, max-age=3600"
# The same showtimes in ever other choices of filters and positions, and what is no page.
SAME = ("by", "format", "language", "price", "from", "near", "q")
NO_PAGES = ("/api/", "/showtime/", "/visit")


@robots.get("/robots.txt")
def rules() -> Response:
    lines = [
        "User-agent: *",
        *(f"Disallow: {path}" for path in NO_PAGES),
        *(f"Disallow: /*?*{name}=" for name in SAME),
        f"Sitemap: {url_for('.sitemap', _external=True)}",
    ]
    return answer("\n".join(lines) + "\n", "text/plain")


@robots.get("/sitemap.xml")
def sitemap() -> Response:
    """The home page, the cities and the films with something on, each in its languages."""
    template = current_app.jinja_env.get_template("sitemap.xml")
    pages = known_pages(store_of(current_app), datetime.now(UTC))
    return answer(template.render(pages=pages, languages=LANGUAGES.values()), "application/xml")


def answer(text: str, kind: str) -> Response:
    return Response(text, content_type=f"{kind}; charset=utf-8", headers={"Cache-Control": KEEP})


def known_pages(store: Store, now: datetime) -> Iterator[tuple[str, datetime | None]]:
    """Whole addresses, and when what is there was last gathered, where that is known."""
    soon = {"start_time": {"$gte": now, "$lt": now + timedelta(days=DAYS)}}
    busy = set(store.showtimes.distinct("city", soon))
    towns = [place for place in places.every(store.locations) if place.city in busy]
    yield url_for("pages.home", _external=True), latest(place.last_updated for place in towns)
    for place in towns:
        yield url_for("pages.city", city=place.city, _external=True), place.last_updated
    for film in sorted(store.showtimes.distinct("film", soon)):
        yield url_for("pages.film", film=film, _external=True), None


def latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment), default=None)
