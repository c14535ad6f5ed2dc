"""
The lock of a city, on its document in `locations`: one worker of all gathers for it at a time.

Every time in it is told by the database's clock, since the workers' own need not agree.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.collection import Collection

from showtimes import metrics

Locations = Collection[dict[str, Any]]

PROCESSING = {"$eq": ["$status", "processing"]}
EXPIRED = {"$lte": [{"$ifNull": ["$lock.expires", "$$NOW"]}, "$$NOW"]}
FREE = {"$or": [{"$ne": ["$status", "processing"]}, EXPIRED]}
# What to show: a holder that died left `processing` behind.
STATUS = {"$cond": [{"$and": [PROCESSING, EXPIRED]}, "stale", "$status"]}


@dataclass(frozen=True)
class Held:
    """The lock of *city* in one holder's hand; `was` is the status to go back to."""

    city: str
    token: str
    was: str

    @property
    def mine(self) -> dict[str, str]:
        """What finds the document for as long as nobody else has taken the lock over."""
        return {"city": self.city, "lock.token": self.token}


@dataclass(frozen=True)
class Standing:
    """How a city stands at *now*, by the database; *not_before* is set by a failed run."""

    city: str
    status: str
    last_updated: datetime | None
    not_before: datetime | None
    progress: Mapping[str, Any] | None
    now: datetime


def acquire(
    locations: Locations, city: str, seconds: float, also: Mapping[str, Any] | None = None
) -> Held | None:
    """
    Take the lock of *city* for *seconds*, or None when another holds it.

    *also* is an expression that must be true as well, decided in the same step.
    """
    token = secrets.token_hex(16)
    taken = {"token": token, "since": "$$NOW", "expires": later(seconds)}
    began = time.monotonic()
    before = locations.find_one_and_update(
        {"city": city, "$expr": {"$and": [FREE, also or {}]}},
        [{"$set": {"status": "processing", "lock": taken, "progress": None}}],
        projection={"status": True},
    )
    metrics.add("lock_wait_seconds", time.monotonic() - began)
    if before is None:
        metrics.add("lock_contended")
        return None
    metrics.add("lock_acquired")
    if before["status"] == "processing":
        metrics.add("lock_taken_over")
        return Held(city, token, "stale")
    return Held(city, token, before["status"])


def renew(locations: Locations, held: Held, seconds: float) -> bool:
    """Hold it for *seconds* from now; False when a successor has it."""
    change = [{"$set": {"lock.expires": later(seconds)}}]
    return locations.update_one(held.mine, change).matched_count == 1


def tell(locations: Locations, held: Held, progress: Mapping[str, Any]) -> bool:
    """Write how far the holder is; False when a successor has the lock."""
    change = {"$set": {"progress": dict(progress)}}
    return locations.update_one(held.mine, change).matched_count == 1


def release(
    locations: Locations,
    held: Held,
    status: str,
    *,
    updated: bool = False,
    wait: float | None = None,
) -> bool:
    """
    Give it back and leave *status*; False, and nothing is written, when a successor has it.

    `last_updated` moves only when *updated*; after *wait* seconds the next run may be made.
    """
    change: dict[str, Any] = {"status": status}
    if updated:
        change |= {"last_updated": "$$NOW", "not_before": None}
    if wait is not None:
        change["not_before"] = later(wait)
    steps: list[dict[str, Any]] = [{"$set": change}, {"$unset": ["lock", "progress"]}]
    return locations.update_one(held.mine, steps).matched_count == 1


def standing(locations: Locations, city: str) -> Standing | None:
    fields = ("city", "last_updated", "not_before", "progress")
    shown = {**dict.fromkeys(fields, True), "status": STATUS, "now": "$$NOW", "_id": False}
    found = locations.find_one({"city": city}, shown)
    if found is None:
        return None
    progress = found.get("progress") if found["status"] == "processing" else None
    return Standing(
        city=found["city"],
        status=found["status"],
        last_updated=found.get("last_updated"),
        not_before=found.get("not_before"),
        progress=progress,
        now=found["now"],
    )


def later(seconds: float) -> dict[str, Any]:
    """*seconds* from now, as an expression."""
    return {"$add": ["$$NOW", round(seconds * 1000)]}
