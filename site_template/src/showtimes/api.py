"""
What programs, and the pages' own script, may ask: cities, showtimes, and for a new look at a city.

It shows no page of its own, and reads the database anew for each answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    json,
    redirect,
    request,
    url_for,
)
from flask_babel import gettext, lazy_gettext
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Response as Redirect

from showtimes import listings, lock, problems, runs
from showtimes.budget import Refusal
from showtimes.database import Store, store_of
from showtimes.problems import Fault, Faulty, problem
from showtimes.queries import Query

api = Blueprint("api", __name__, url_prefix="/api")
problems.add_to(api)

DOCUMENT = Path(__file__).with_name("openapi.json")
POLL_SECONDS = 5
LISTS_KEEP = "public, max-age=5"
DOCUMENT_KEEPS = "public, max-age=3600"
ASKS_AGAIN = "no-cache"
PROGRESS = ("step", "done", "of")
FORM = "application/x-www-form-urlencoded"
UNAVAILABLE = lazy_gettext(
    "New showtimes cannot be looked for right now. What is known stays here."
)
CROWDED = lazy_gettext("Many people are asking right now. Please try again a little later.")
# Why there is no new look: what that is in HTTP, and in words.
REFUSALS = {
    "too-many-starts": (429, CROWDED),
    "busy": (503, CROWDED),
    "failed-recently": (
        503,
        lazy_gettext("The last look at this city has failed. Please try again in a while."),
    ),
    "budget": (
        503,
        lazy_gettext("That was enough looking for one day. Please try again tomorrow."),
    ),
}


def store() -> Store:
    return store_of(current_app)


# ── what is known ──


@api.get("/locations")
def locations() -> Response:
    query = Query(request.args.to_dict(flat=False))
    near = query.position("near")
    query.check()
    return kept({"locations": listings.cities(store().locations, near)})


@api.get("/showtimes")
def showtimes() -> Response:
    query = Query(request.args.to_dict(flat=False))
    city, day, film = query.city("city"), query.day("day"), query.word("film")
    query.check()
    zone = listings.zone(store().locations, city) or abort(404)
    days = listings.days(day, zone, datetime.now(UTC))
    rows = listings.showtimes(store().showtimes, city, days, film) if days else []
    for row in rows:
        row["calendar"] = url_for("pages.calendar", key=row["key"])
    return kept({"city": city, "zone": zone.key, "showtimes": rows})


@api.get("/status")
def status() -> Response:
    query = Query(request.args.to_dict(flat=False))
    city = query.city("city")
    query.check()
    standing = lock.standing(store().locations, city) or abort(404)
    words = {
        "city": standing.city,
        "status": standing.status,
        "last_updated": listings.moment(standing.last_updated),
        "progress": standing.progress and {step: standing.progress.get(step) for step in PROGRESS},
        "retry_after": POLL_SECONDS,
    }
    return kept(words, ASKS_AGAIN)


@api.get("/openapi.json")
def openapi() -> Response:
    return kept(DOCUMENT.read_bytes(), DOCUMENT_KEEPS)


def kept(words: Mapping[str, Any] | bytes, keeping: str = LISTS_KEEP) -> Response:
    """*words* as JSON, unless they are so already, or 304 for whoever has them."""
    body = words if isinstance(words, bytes) else json.dumps(words)
    response = Response(body, mimetype="application/json")
    response.headers["Cache-Control"] = keeping
    response.add_etag()
    response.make_conditional(request)
    return response


# ── a new look ──


@api.post("/scrape")
def scrape() -> Response | Redirect:
    if not from_here():
        return problem(403, gettext("A new look can be asked for on the pages of this site only."))
    query = Query(posted())
    city = query.city("city")
    query.check()
    standing = lock.standing(store().locations, city) or abort(404)
    answer = runs.runner_of(current_app).start(city)
    if isinstance(answer, Refusal) and answer.reason not in {"processing", "fresh"}:
        return refusal(answer, standing.now)
    if problems.for_a_person():
        return redirect(url_for("pages.city", city=city), 303)
    return begun(city, answer)


def from_here() -> bool:
    """
    Whether a page of this very site sent the request, as far as its browser tells.

    What tells nothing is no browser of today, and is not believed: each look costs money.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("Origin") == f"{request.scheme}://{request.host}"


def posted() -> Mapping[str, Sequence[object]]:
    """The fields of a form, or of a JSON object; `415` for anything else."""
    if request.mimetype == FORM:
        return request.form.to_dict(flat=False)
    if not request.is_json:
        raise UnsupportedMediaType
    try:
        words = request.get_json()
    except BadRequest:
        words = None
    if not isinstance(words, dict):
        raise Faulty([Fault("", gettext("It is not an object in %(format)s.", format="JSON"))])
    return {str(name): [value] for name, value in words.items()}


def begun(city: str, answer: runs.Started | Refusal) -> Response:
    """A look that goes on (202), or that is not needed since the last one is young (200)."""
    fresh = isinstance(answer, Refusal) and answer.reason == "fresh"
    words = {
        "city": city,
        "status": "fresh" if fresh else "processing",
        "started": not isinstance(answer, Refusal),
        "retry_after": POLL_SECONDS,
    }
    headers = {} if fresh else {"Retry-After": str(POLL_SECONDS)}
    return Response(json.dumps(words), 200 if fresh else 202, headers, mimetype="application/json")


def refusal(refused: Refusal, now: datetime) -> Response:
    status, words = REFUSALS.get(refused.reason, (503, UNAVAILABLE))
    headers = {"Retry-After": str(refused.seconds(now))}
    return problem(status, str(words), reason=refused.reason, headers=headers)
