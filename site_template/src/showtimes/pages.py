"""
The pages: the cities, and what is on in one of them.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import partial
from itertools import groupby
from operator import attrgetter
from urllib.parse import urlencode, urlsplit

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import gettext, ngettext
from werkzeug.wrappers import Response as Redirect

from showtimes import caches, films, languages, places, schedule, visits
from showtimes.database import Store, store_of
from showtimes.filters import Offer, Wish
from showtimes.places import Place
from showtimes.schedule import Day, Showtime

pages = Blueprint("pages", __name__)
films.add_to(pages)

LARGEST = 8
NEARBY = 6
SOURCES = 12
LAYOUTS: dict[str, tuple[Callable[[Showtime], str], ...]] = {
    "film": (attrgetter("film"), attrgetter("cinema_id")),
    "cinema": (attrgetter("cinema_id"), attrgetter("film")),
}
SEARCH_LETTERS = 80
ISO_LENGTH = len("2026-01-31")
# Browsers ask again each time; nginx may answer for five seconds, however many they are.
FOR_NGINX = "max-age=0, must-revalidate, s-maxage=5"
# One transparent pixel.
PICTURE = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def store() -> Store:
    return store_of(current_app)


@pages.context_processor
def helpers() -> dict[str, object]:
    return {
        "pick": languages.pick,
        "day_name": languages.day_name,
        "day_and_month": languages.day_and_month,
        "ago": ago,
        "tongue": languages.tongue,
        "kilometres": kilometres,
    }


@pages.after_request
def count_visit(response: Response) -> Response:
    # After the page, and only when there was one: a database that is away is waited for once.
    # By 304 somebody hears who was here before, and has kept a page and no session.
    shown = response.status_code == 304 or response.mimetype == "text/html"
    if response.status_code in {200, 304} and shown and not counted_apart():
        visits.note(store(), session)
    return response


def counted_apart() -> bool:
    """
    Whether this is the page that nginx keeps for all who have no session yet.

    So it may set no cookie, and each visit that begins with it is counted by its picture.
    """
    return request.endpoint == "pages.home" and not session and not request.query_string


@pages.get("/visit")
def visit() -> Response:
    if request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin":
        visits.note(store(), session)
    return Response(PICTURE, mimetype="image/gif", headers={"Cache-Control": "no-store"})


@pages.get("/")
def home() -> Response | Redirect | str:
    if request.args.keys() & {"near", "q"}:
        return search(request.args.get("near", ""), request.args.get("q", ""))
    apart = counted_apart()
    cities = frozenset(caches.versions().known())
    page = caches.answer("pages", ("home", apart), cities, partial(every_city, apart))
    if apart:
        page.headers["Cache-Control"] = FOR_NGINX
    return page


def every_city(apart: bool) -> str:
    everywhere = places.every(store().locations)
    return cities_page(everywhere, everywhere, everywhere[:LARGEST], apart=apart)


def search(near: str, words: str) -> str | Redirect:
    """The cities as seen from the position *near*, or those that answer to *words*."""
    position = places.position(near)
    if position:
        everywhere = places.from_position(store().locations, *position)
    else:
        everywhere = places.every(store().locations)
    words = words[:SEARCH_LETTERS].strip()
    found = [place for place in everywhere if place.answers_to(words)]
    if words and len(found) == 1:
        return redirect(url_for(".city", city=found[0].city))
    g.words = {"near": near, "q": words}
    return cities_page(
        everywhere,
        found,
        [] if words else everywhere[:LARGEST],
        words=words,
        near=position is not None,
        unreadable=bool(near) and not position,
    )


def cities_page(
    everywhere: list[Place],
    found: list[Place],
    first: list[Place],
    *,
    words: str = "",
    near: bool = False,
    unreadable: bool = False,
    apart: bool = False,
) -> str:
    return render_template(
        "home.html",
        words=words,
        first=first,
        letters=by_letter(found),
        total=len(everywhere),
        near=near,
        unreadable=unreadable,
        apart=apart,
    )


@pages.get("/<city>")
def city(city: str) -> Response:
    versions = caches.versions()
    version = versions.of(city) or abort(404)
    if caches.insisted():
        version = versions.read_again(city) or version
    visits.seen(store(), city)
    day = near_day(request.args.get("day", ""))
    by = "cinema" if request.args.get("by") == "cinema" else "film"
    wish = Wish.read(request.args)
    shelf = "filtered" if wish.words else "pages"
    make = partial(programme, city, day, by, wish)
    return caches.answer(shelf, ("city", city, day, by, wish), version, make)


def near_day(words: str) -> str:
    """*words* if they may be a day of this week, wherever on Earth; nothing else is heeded."""
    try:
        ahead = (date.fromisoformat(words) - datetime.now(UTC).date()).days
    except ValueError:
        return ""
    return words if -1 <= ahead <= schedule.DAYS and len(words) == ISO_LENGTH else ""


def programme(city: str, day_asked: str, by: str, wish: Wish) -> str:
    place = places.one(store().locations, city) or abort(404)
    now = datetime.now(UTC)
    week = schedule.week(store().showtimes, city, place.zone, now)
    asked, day = chosen(week, day_asked)
    rows = schedule.on_day(store().showtimes, city, place.zone, day, now)
    fitting = [row for row in rows if wish.fits(row, place.zone)]
    state = {**({"day": str(day)} if asked else {}), **({"by": by} if by != "film" else {})}
    g.words = {**state, **wish.words}
    return render_template(
        "city.html",
        place=place,
        week=week,
        day=day,
        by=by,
        wish=wish,
        offer=Offer.of(rows, place.zone, wish),
        any_day=any(each.on for each in week),
        count=len(rows),
        groups=schedule.grouped(fitting, *(LAYOUTS[by])),
        sources=sources(rows),
        fresh=place.is_fresh(now),
        here=partial(address, city, g.words),
        unfiltered=address(city, state),
        state=state,
        today=now.astimezone(place.zone).date(),
        now=now,
        nearby=places.near(store().locations, place, NEARBY),
    )


def chosen(week: Iterable[Day], words: str) -> tuple[bool, date]:
    """Whether *words* name a day of *week*, and that day; else the first with something on."""
    week = list(week)
    for day in week:
        if words == str(day.date):
            return True, day.date
    return False, next((day.date for day in week if day.on), week[0].date)


def address(city: str, state: Mapping[str, str], **changes: object) -> str:
    """The address of *city* in *state* with *changes*; what is None is left out."""
    words = {**state, **changes}
    query = urlencode({name: word for name, word in words.items() if word})
    return url_for(".city", city=city) + (f"?{query}" if query else "")


def sources(rows: Iterable[Showtime]) -> dict[str, str]:
    """Where *rows* were read: hosts, and a page of each that it is safe to send people to."""
    found: dict[str, str] = {}
    for row in rows:
        host = host_of(row.source)
        if host and len(found) < SOURCES:
            found.setdefault(host, row.source)
    return dict(sorted(found.items()))


def host_of(link: str) -> str:
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    return (parts.hostname or "").removeprefix("www.") if parts.scheme == "https" else ""


def by_letter(found: Iterable[Place]) -> list[tuple[str, list[Place]]]:
    """The cities under the first letters of their names, in the order of the visitor's alphabet."""
    order = languages.current().order
    ordered = sorted(found, key=lambda place: order(languages.pick(place.names)))
    letters = groupby(ordered, key=lambda place: languages.pick(place.names)[0])
    return [(letter, list(group)) for letter, group in letters]


def ago(then: datetime, now: datetime) -> str:
    """How long ago *then* was, in words."""
    minutes = max(0, int((now - then).total_seconds() // 60))
    if minutes == 0:
        return str(gettext("just now"))
    if minutes < 60:
        return str(ngettext("%(num)d minute ago", "%(num)d minutes ago", minutes))
    hours = minutes // 60
    if hours < 48:
        return str(ngettext("%(num)d hour ago", "%(num)d hours ago", hours))
    days = hours // 24
    return str(ngettext("%(num)d day ago", "%(num)d days ago", days))


def kilometres(metres: float) -> str:
    """How far, in words."""
    return str(gettext("%(distance)s km", distance=round(metres / 1000)))
