"""
The pages of one film and of one showtime.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial

from flask import Blueprint, Response, abort, current_app, g, render_template, request

from showtimes import caches, calendars, languages, places, schedule
from showtimes.database import store_of
from showtimes.schedule import Showtime

KEY = re.compile(r"\d{1,11}-[0-9a-f]{24}", re.ASCII)


def add_to(pages: Blueprint) -> None:
    pages.get("/film/<path:film>")(film)
    pages.get("/showtime/<key>.ics")(calendar)


def film(film: str) -> Response:
    city = request.args.get("city", "")
    known = caches.versions().known()
    version = (known.get(city) or abort(404)) if city else known
    return caches.answer("pages", ("film", film, city), version, partial(showings, film, city))


def showings(film: str, city: str) -> str:
    store, now = store_of(current_app), datetime.now(UTC)
    movie = schedule.titles(store.showtimes, film) or abort(404)
    here = (places.one(store.locations, city) or abort(404)) if city else None
    rows = schedule.of_film(store.showtimes, film, city, now)
    towns = {place.city: place for place in ([here] if here else places.every(store.locations))}

    def day(row: Showtime) -> object:
        return row.start_time.astimezone(towns[row.city].zone).date()

    known = [row for row in rows if row.city in towns]
    g.words = {"city": city} if city else {}
    return render_template(
        "film.html",
        film=film,
        movie=movie,
        here=here,
        towns=towns,
        cities=schedule.grouped(known, lambda row: row.city, day, lambda row: row.cinema_id),
        now=now,
    )


def calendar(key: str) -> Response:
    store = store_of(current_app)
    row = (schedule.of_key(store.showtimes, key) if KEY.fullmatch(key) else None) or abort(404)
    town = places.one(store.locations, row.city)
    where = [row.cinema_name, languages.pick(town.names) if town else ""]
    price = "" if row.price is None else f"{row.price} ₴"
    what = [row.format, languages.tongue(row.language), price]
    text = calendars.ics(
        row,
        languages.pick(row.movie),
        ", ".join(filter(None, where)),
        " · ".join(filter(None, what)),
        datetime.now(UTC),
    )
    names = {"Content-Disposition": 'attachment; filename="showtime.ics"'}
    return Response(text, content_type="text/calendar; charset=utf-8", headers=names)
