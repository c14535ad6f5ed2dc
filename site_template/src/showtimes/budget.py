"""
What may be spent on gathering, and when: kept in `stats`, so that all workers see the same.

Each limit is checked and taken in one step of the database; none is read first and written later.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from showtimes.lock import Standing, later

Stats = Collection[dict[str, Any]]

BREAKER = {"name": "ai:breaker"}
STARTS = {"name": "ai:starts"}
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
BREAK_SECONDS = 600
BREAKS_FOR_THE_DAY = {"spend-limit"}
BREAKS_FOR_A_WHILE = {"credentials", "overloaded"}
FAILED_SECONDS = 900  # a failed run is not made again sooner
LONGEST_WAIT = 3_600.0  # seconds, whatever a `retry-after` says
POLL = timedelta(seconds=5)
BUSY = timedelta(seconds=30)


@dataclass(frozen=True)
class Refusal:
    """Why no run was started, and when it may be tried again."""

    reason: str
    again: datetime

    def seconds(self, now: datetime) -> int:
        """For `Retry-After`: whole seconds from *now*, at least one."""
        return max(1, -int((now - self.again).total_seconds() // 1))


@dataclass(frozen=True)
class Reservation:
    """Dollars set aside for one run, in the day's document *day*."""

    day: str
    token: str
    usd: float


# ── the age of a city ──


def due(min_age: timedelta) -> dict[str, Any]:
    """True of a city that has no young showtimes and no young failure, as an expression."""
    moment = datetime(1970, 1, 1, tzinfo=UTC)
    aged = {"$add": [{"$ifNull": ["$last_updated", moment]}, _milliseconds(min_age)]}
    may = {"$ifNull": ["$not_before", moment]}
    return {"$and": [{"$lte": [aged, "$$NOW"]}, {"$lte": [may, "$$NOW"]}]}


def age(standing: Standing, min_age: timedelta) -> Refusal | None:
    """Why this city is not gathered for now, as far as its own document says."""
    now = standing.now
    if standing.status == "processing":
        return Refusal("processing", now + POLL)
    if standing.last_updated and standing.last_updated + min_age > now:
        return Refusal("fresh", standing.last_updated + min_age)
    if standing.not_before and standing.not_before > now:
        return Refusal("failed-recently", standing.not_before)
    return None


# ── the breaker ──


def trip(stats: Stats, reason: str, retry_after: float | None = None) -> None:
    """
    Open the breaker when *reason* says that the next run would fail just so: too many requests in
    a minute are refused to all cities alike, for the *retry_after* seconds that were told.
    """
    if reason in BREAKS_FOR_THE_DAY:
        _open(stats, reason, _next(DAY_MS))
    elif reason in BREAKS_FOR_A_WHILE:
        _open(stats, reason, later(BREAK_SECONDS))
    elif reason == "rate-limited":
        _open(stats, "overloaded", later(wait(retry_after, 60)))


def wait(retry_after: float | None, least: float = FAILED_SECONDS) -> float:
    """Seconds until a failed run may be made again."""
    return min(max(retry_after or 0, least), LONGEST_WAIT)


def _open(stats: Stats, reason: str, until: Mapping[str, Any]) -> None:
    _ensure(stats, BREAKER)
    # A shorter break never shortens a longer one.
    change = [{"$set": {"until": until, "reason": reason}}]
    longer = {"$gt": [until, {"$ifNull": ["$until", datetime(1970, 1, 1, tzinfo=UTC)]}]}
    stats.update_one({**BREAKER, "$expr": longer}, change)


def broken(stats: Stats) -> Refusal | None:
    found = stats.find_one({**BREAKER, "$expr": {"$gt": ["$until", "$$NOW"]}})
    return Refusal(found["reason"], found["until"]) if found else None


# ── starts by visitors ──


def count_start(stats: Stats, most: int) -> Refusal | None:
    """Count a start of this hour, unless there were *most*."""
    _ensure(stats, STARTS)
    this_hour = {"$subtract": [_next(HOUR_MS), HOUR_MS]}
    so_far = {"$cond": [{"$eq": ["$hour", this_hour]}, "$count", 0]}
    counted = stats.update_one(
        {**STARTS, "$expr": {"$lt": [so_far, most]}},
        [{"$set": {"count": {"$add": [so_far, 1]}, "hour": this_hour}}],
    )
    if counted.matched_count:
        return None
    found = stats.find_one(STARTS, {"again": _next(HOUR_MS)}) or {}
    return Refusal("too-many-starts", found["again"])


# ── dollars ──


def today(now: datetime) -> str:
    """The name of the document of the day (UTC) of *now*."""
    return f"ai:{now.astimezone(UTC):%Y-%m-%d}"


def reserve(
    stats: Stats,
    now: datetime,
    usd: float,
    most: float,
    seconds: float,
    parallel: int | None = None,
) -> Reservation | Refusal:
    """
    Set *usd* aside, unless the day would then cost more than *most*, or *parallel* others that
    were told such a number are open; without one it takes no room among them.

    A reservation that nobody settles within *seconds* counts as spent: its run died, and what it
    cost is not known.
    """
    reservation = Reservation(today(now), secrets.token_hex(8), usd)
    _ensure(stats, {"name": reservation.day})
    after = stats.find_one_and_update(
        {"name": reservation.day},
        [*_lapse(), _reserve(reservation, most, seconds, parallel)],
        projection={"reservations": True, "usd": True},
        return_document=ReturnDocument.AFTER,
    )
    found = after or {}
    if any(kept["token"] == reservation.token for kept in found["reservations"]):
        return reservation
    others = sum(kept["room"] for kept in found["reservations"])
    if parallel is not None and others >= parallel and found["usd"] + usd <= most:
        return Refusal("busy", now + BUSY)
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Refusal("budget", midnight + timedelta(days=1))


def _lapse() -> list[dict[str, Any]]:
    open_ones = {"$ifNull": ["$reservations", []]}
    lapsed = {"$filter": {"input": open_ones, "cond": {"$lte": ["$$this.until", "$$NOW"]}}}
    alive = {"$filter": {"input": open_ones, "cond": {"$gt": ["$$this.until", "$$NOW"]}}}
    lost = {"$reduce": {"input": lapsed, "initialValue": 0, "in": _plus("$$this.usd")}}
    spent = {"$add": [{"$ifNull": ["$usd", 0]}, lost]}
    return [{"$set": {"usd": spent, "reservations": alive}}]


def _plus(term: str) -> dict[str, Any]:
    return {"$add": ["$$value", term]}


def _reserve(
    reservation: Reservation, most: float, seconds: float, parallel: int | None
) -> dict[str, Any]:
    promised = {"$sum": "$reservations.usd"}
    # Sums of binary fractions: four quarters of a dollar and a tenth thrice must both fit.
    total = {"$round": [{"$add": ["$usd", promised, reservation.usd]}, 6]}
    own = {"token": reservation.token, "usd": reservation.usd, "until": later(seconds)}
    own["room"] = 0 if parallel is None else 1
    more = {"$concatArrays": ["$reservations", [own]]}
    fits = [{"$lte": [total, most]}]
    if parallel is not None:
        fits.append({"$lt": [{"$sum": "$reservations.room"}, parallel]})
    return {"$set": {"reservations": {"$cond": [{"$and": fits}, more, "$reservations"]}}}


def settle(stats: Stats, reservation: Reservation, costs: Mapping[str, float]) -> None:
    """
    Put the true *costs* in the place of the reservation; `usd` is one of them, and the others are
    counted by their names.
    """
    mine = {"name": reservation.day, "reservations.token": reservation.token}
    kept = {"$pull": {"reservations": {"token": reservation.token}}}
    if stats.update_one(mine, {"$inc": dict(costs), **kept}).matched_count:
        return
    # It lapsed, and was counted as spent.
    rest = {**costs, "usd": costs.get("usd", 0) - reservation.usd}
    stats.update_one({"name": reservation.day}, {"$inc": rest})


def spent(stats: Stats, now: datetime) -> float:
    """The dollars of the day so far, without what is only set aside."""
    return float((stats.find_one({"name": today(now)}) or {}).get("usd", 0))


def _ensure(stats: Stats, identity: Mapping[str, str]) -> None:
    try:
        stats.update_one(identity, {"$setOnInsert": {"usd": 0}}, upsert=True)
    except DuplicateKeyError:
        return  # another worker was faster


def _next(milliseconds: int) -> dict[str, Any]:
    """The next whole day or hour, as an expression."""
    into = {"$mod": [{"$toLong": "$$NOW"}, milliseconds]}
    return {"$subtract": [{"$add": ["$$NOW", milliseconds]}, into]}


def _milliseconds(length: timedelta) -> int:
    return round(length.total_seconds() * 1000)
