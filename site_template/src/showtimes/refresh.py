"""
What is done once a day: cities whose showtimes have grown old are marked so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from showtimes.database import Store

FRESH_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Summary:
    """What the database holds after a run."""

    cities: int
    turned_stale: int
    upcoming: int

    def __str__(self) -> str:
        return (
            f"cities: {self.cities}, turned stale: {self.turned_stale}, "
            f"showtimes to come: {self.upcoming}"
        )


def run(store: Store, now: datetime) -> Summary:
    """Raises `pymongo.errors.PyMongoError`."""
    return Summary(
        cities=store.locations.count_documents({}),
        turned_stale=mark_stale(store, now),
        upcoming=store.showtimes.count_documents({"start_time": {"$gte": now}}),
    )


def mark_stale(store: Store, now: datetime) -> int:
    """How many cities were fresh until now, and are no more."""
    old = {"status": "fresh", "last_updated": {"$lt": now - FRESH_FOR}}
    return store.locations.update_many(old, {"$set": {"status": "stale"}}).modified_count
