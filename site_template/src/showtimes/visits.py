"""
Counts visitors: once per visit, which lasts as long as the session's cookie; and remembers which
cities have any.
"""

from __future__ import annotations

import logging
import time
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from pymongo.errors import PyMongoError

from showtimes.database import Store

log = logging.getLogger(__name__)

SEEN_SECONDS = 3600  # between two notes that a city has visitors
MOST_SEEN = 10_000

_seen: WeakKeyDictionary[Store, dict[str, float]] = WeakKeyDictionary()


def note(store: Store, session: MutableMapping[str, Any]) -> None:
    """Count this visit unless it is counted; a database that is away costs a visit and no page."""
    if session.get("counted"):
        return
    try:
        store.stats.update_one(
            {"name": "visitor_counter"},
            {"$inc": {"count": 1}, "$setOnInsert": {"created_at": datetime.now(UTC)}},
            upsert=True,
        )
    except PyMongoError as error:
        log.warning("a visit was not counted: %s", type(error).__name__)
    else:
        session["counted"] = True


def count(store: Store) -> int:
    found = store.stats.find_one({"name": "visitor_counter"}) or {}
    return int(found.get("count", 0))


def seen(store: Store, city: str) -> None:
    """
    Remember that *city*, which is known, has visitors: at most once an hour for each worker, and
    never at the cost of a page.
    """
    noted, now = _seen.setdefault(store, {}), time.monotonic()
    if now - noted.get(city, -SEEN_SECONDS) < SEEN_SECONDS:
        return
    if len(noted) >= MOST_SEEN:
        noted.clear()
    # First: a database that is away is waited for once an hour, and not by every visitor.
    noted[city] = now
    try:
        store.locations.update_one({"city": city}, {"$currentDate": {"visited": True}})
    except PyMongoError as error:
        log.warning("that %s has visitors was not noted: %s", city, type(error).__name__)
