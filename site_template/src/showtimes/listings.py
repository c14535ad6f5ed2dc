"""
What the database knows of cities and of their showtimes, as plain data for programs.

Asked anew each time: only the pages have caches.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pymongo.collection import Collection

from showtimes import lock, schedule
from showtimes.schedule import DAYS, MOST, Showtime

Document = Mapping[str, Any]

FARTHEST = timedelta(days=366)  # nobody announces a programme sooner
CITY = {
    "_id": False,
    "city": True,
    "names": "$city_name",
    "people": True,
    "zone": True,
    "point": "$geo",
    "status": lock.STATUS,
    "last_updated": {"$ifNull": ["$last_updated", None]},
    "metres": {"$round": ["$metres", 0]},
}


def cities(
    locations: Collection[dict[str, Any]], near: tuple[float, float] | None
) -> list[dict[str, Any]]:
    """All cities: the nearest first, with how far each is, or else the largest first."""
    order = nearest(*near) if near else {"$sort": {"people": -1, "city": 1}}
    return [_city(found) for found in locations.aggregate([order, {"$project": CITY}])]


def nearest(latitude: float, longitude: float) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [longitude, latitude]}
    return {"$geoNear": {"near": point, "key": "geo", "distanceField": "metres"}}


def zone(locations: Collection[dict[str, Any]], city: str) -> ZoneInfo | None:
    """The time zone of *city*, or None when there is no such city."""
    found = locations.find_one({"city": city}, {"zone": True})
    return ZoneInfo(found["zone"]) if found else None


def _city(found: Document) -> dict[str, Any]:
    return {**found, "last_updated": moment(found["last_updated"])}


def showtimes(
    collection: Collection[dict[str, Any]],
    city: str,
    days: tuple[datetime, datetime],
    film: str | None,
) -> list[dict[str, Any]]:
    """What starts in *city* from the first to before the second of *days*, the soonest first."""
    begin, end = days
    wanted: dict[str, Any] = {"city": city, "start_time": {"$gte": begin, "$lt": end}}
    if film is not None:
        wanted["film"] = film
    found = collection.find(wanted).sort("start_time", 1).limit(MOST)
    return [_showtime(document) for document in found]


def days(day: date | None, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime] | None:
    """From *now* to the end of *day*, or for a week; None when that day is over or too far off."""
    if day is None:
        return now, now + timedelta(days=DAYS)
    today = now.astimezone(zone).date()
    if not today <= day <= today + FARTHEST:
        return None
    return max(now, schedule.midnight(day, zone)), schedule.midnight(day, zone, 1)


def _showtime(document: Document) -> dict[str, Any]:
    row = Showtime.read(document)
    return {
        "key": row.key,
        "city": row.city,
        "cinema_id": row.cinema_id,
        "cinema_name": row.cinema_name,
        "film": row.film,
        "movie": dict(row.movie),
        "start_time": moment(row.start_time),
        "format": row.format,
        "language": row.language,
        "price": row.price,
        "buy_link": row.link,
        "source": row.source if row.source.startswith("https://") else "",
        "created_at": moment(document.get("created_at")),
    }


def moment(time: datetime | None) -> str | None:
    """A time as RFC 3339 writes it, in UTC."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None
