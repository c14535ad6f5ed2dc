"""
What becomes of a run that ended: rows are kept, the bill is paid, the lock is given back.

Nothing of it is done for a city whose lock somebody else has by now, but for the bill.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bson.errors import BSONError
from pymongo.errors import PyMongoError

from showtimes import budget, lock, metrics, schedule
from showtimes.budget import Reservation
from showtimes.database import Store
from showtimes.following import End
from showtimes.lock import Held
from showtimes.schedule import Showtime
from showtimes.settings import Gathering

log = logging.getLogger(__name__)

MOST_PAGES = 20
LONGEST_PAGE = 250  # characters of an address
TOKENS = ("input_tokens", "output_tokens", "cache_read", "cache_write")
COUNTED = ("calls", "searches", "fetches")
FIELDS = Showtime.__dataclass_fields__.keys() - {"city", "start_time"}


@dataclass(frozen=True)
class Outcome:
    """
    How a run ended: *reason* is `fresh` or that of its failure, *kept* how many showtimes were new
    or changed, *dropped* what was not believed, by its reason.
    """

    city: str
    reason: str
    kept: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    usd: float = 0


def conclude(
    store: Store, held: Held, reservation: Reservation, end: End, gathering: Gathering
) -> Outcome:
    """Raises nothing for a database that is away: lock and reservation lapse by themselves."""
    try:
        reason, kept = _keep(store, held, end, gathering)
    except (PyMongoError, BSONError, OverflowError) as error:
        log.warning("what was found for %s was not kept: %s", held.city, type(error).__name__)
        reason, kept = "database", 0
        give_back(store, held, budget.wait(None))
    usd = _bill(store, reservation, end, reason)
    return Outcome(held.city, reason, kept, end.dropped, usd)


def give_back(store: Store, held: Held, wait: float | None = None) -> None:
    """With the status that it had."""
    try:
        lock.release(store.locations, held, held.was, wait=wait)
    except PyMongoError as error:
        log.warning("the lock of %s was not given back: %s", held.city, type(error).__name__)


# ── what was found ──


def _keep(store: Store, held: Held, end: End, gathering: Gathering) -> tuple[str, int]:
    """The run's reason, and how many showtimes were new or changed."""
    if end.reason == "superseded":
        return end.reason, 0
    # Long enough to write, and the last moment to hear that it is not ours to write any more.
    if not lock.renew(store.locations, held, gathering.lock_seconds):
        return "superseded", 0
    if end.reason == "stopped":
        give_back(store, held)
        return end.reason, 0
    if end.reason != "found":
        if end.reason == "no-evidence":
            _remember(store, held, ())
        give_back(store, held, budget.wait(end.retry_after))
        return end.reason, 0
    return _keep_rows(store, held, end, gathering)


def _keep_rows(store: Store, held: Held, end: End, gathering: Gathering) -> tuple[str, int]:
    try:
        rows = [showtime(held.city, words) for words in end.rows]
    except (KeyError, TypeError, ValueError):
        give_back(store, held, budget.wait(None))
        return "invalid", 0
    if not rows:
        # What is known stays, as old as it is.  The pages led nowhere: next time, others are
        # looked for, and not before a city with showtimes would be looked at again.
        _remember(store, held, ())
        least = gathering.min_age.total_seconds()
        give_back(store, held, max(budget.FAILED_SECONDS, least))
        return "empty", 0
    kept = schedule.keep(store.showtimes, rows, datetime.now(UTC))
    _remember(store, held, end.pages)
    ours = lock.release(store.locations, held, "fresh", updated=True)
    return "fresh" if ours else "superseded", kept


def showtime(city: str, words: Mapping[str, Any]) -> Showtime:
    """A row of the agent's.  Raises `KeyError`, `TypeError` or `ValueError`."""
    start = datetime.fromisoformat(words["start_time"])
    return Showtime(city=city, start_time=start, **{name: words[name] for name in FIELDS})


def _remember(store: Store, held: Held, pages: Iterable[str]) -> None:
    """These pages first and then those that were known; no pages forget those as well."""
    fit = [page for page in pages if page.startswith("https://") and len(page) <= LONGEST_PAGE]
    if not fit:
        store.locations.update_one(held.mine, {"$unset": {"cinema_pages": True}})
        return
    found = store.locations.find_one(held.mine, {"cinema_pages": True}) or {}
    merged = list(dict.fromkeys([*fit, *found.get("cinema_pages", [])]))[:MOST_PAGES]
    store.locations.update_one(held.mine, {"$set": {"cinema_pages": merged}})


# ── what it cost ──


def _bill(store: Store, reservation: Reservation, end: End, reason: str) -> float:
    """Dollars.  A child that did not live to tell its usage costs all that was set aside for it."""
    costs = costs_of(end, reservation)
    metrics.ran(reason)
    for name in ("usd", "tokens", "searches"):
        metrics.add(name, costs.get(name, 0))
    failure = {} if reason == "fresh" else {f"failures.{reason}": 1}
    try:
        budget.settle(store.stats, reservation, {**costs, **failure, "runs": 1})
        budget.trip(store.stats, end.reason, end.retry_after)
        if end.dropped.get("page-spend-limit"):
            budget.trip(store.stats, "spend-limit")
    except PyMongoError as error:
        log.warning("a run's bill was not written: %s", type(error).__name__)
    return costs["usd"]


def costs_of(end: End, reservation: Reservation) -> dict[str, float]:
    if end.usage is None:
        return {"usd": reservation.usd if end.spoke else 0}
    usage = end.usage
    counts = {name: usage.get(name, 0) for name in COUNTED}
    tokens = sum(usage.get(name, 0) for name in TOKENS)
    return {**counts, "tokens": tokens, "usd": usage.get("usd", 0)}
