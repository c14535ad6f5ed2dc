"""
The pages: the cities, and what is on in one of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import ngettext
from werkzeug.wrappers import Response as Redirect

from showtimes import languages, places, schedule, visits
from showtimes.database import Store, store_of
from showtimes.places import Place

pages = Blueprint("pages", __name__)

LARGEST = 8
NEARBY = 6
SEARCH_LETTERS = 80


def store() -> Store:
    return store_of(current_app)


@pages.context_processor
def helpers() -> dict[str, object]:
    return {
        "pick": languages.pick,
        "day_name": languages.day_name,
        "day_and_month": languages.day_and_month,
        "ago": ago,
    }


@pages.after_request
def count_visit(response: Response) -> Response:
    # After the page, and only when there was one: a database that is away is waited for once.
    if response.status_code == 200:
        visits.note(store(), session)
    return response


@pages.get("/")
def home() -> str | Redirect:
    everywhere = places.every(store().locations)
    words = request.args.get("q", "")[:SEARCH_LETTERS].strip()
    found = [place for place in everywhere if place.answers_to(words)]
    if words and len(found) == 1:
        return redirect(url_for(".city", city=found[0].city))
    return render_template(
        "home.html",
        words=words,
        largest=[] if words else everywhere[:LARGEST],
        letters=by_letter(found),
        total=len(everywhere),
    )


@pages.get("/<city>")
def city(city: str) -> str:
    place = places.one(store().locations, city) or abort(404)
    now = datetime.now(UTC)
    rows = schedule.upcoming(store().showtimes, city, now)
    return render_template(
        "city.html",
        place=place,
        days=schedule.programme(rows, place.zone),
        today=now.astimezone(place.zone).date(),
        now=now,
        nearby=places.near(store().locations, place, NEARBY),
    )


def by_letter(found: Iterable[Place]) -> list[tuple[str, list[Place]]]:
    """The cities under the first letters of their names, in the order of the visitor's alphabet."""
    order = languages.current().order
    ordered = sorted(found, key=lambda place: order(languages.pick(place.names)))
    letters = groupby(ordered, key=lambda place: languages.pick(place.names)[0])
    return [(letter, list(group)) for letter, group in letters]


def ago(then: datetime, now: datetime) -> str:
    """How long ago *then* was, in words."""
    minutes = max(0, int((now - then).total_seconds() // 60))
    if minutes < 60:
        return str(ngettext("%(num)d minute ago", "%(num)d minutes ago", minutes))
    hours = minutes // 60
    if hours < 48:
        return str(ngettext("%(num)d hour ago", "%(num)d hours ago", hours))
    days = hours // 24
    return str(ngettext("%(num)d day ago", "%(num)d days ago", days))
