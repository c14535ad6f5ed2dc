"""
What is done once a day: cities whose showtimes have grown old are marked so, and those that have
visitors are looked at again, the stalest first.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo.errors import PyMongoError

from showtimes import budget
from showtimes.budget import Refusal
from showtimes.database import Store
from showtimes.keeping import Outcome
from showtimes.runs import Runner

FRESH_FOR = timedelta(days=1)
VISITED_WITHIN = timedelta(days=30)
# What the next city would be told as well.
ENDS = frozenset(
    {"off", "budget", "spend-limit", "credentials", "overloaded", "rate-limited"}
    | {"database", "stopped"}
)
BUSY_SECONDS = 5.0  # between two tries while visitors' runs take all the room
PATIENCE = 600.0


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


def due(store: Store, now: datetime, min_age: timedelta) -> list[str]:
    """The cities that have visitors and no young showtimes, the stalest first."""
    wanted = {"visited": {"$gte": now - VISITED_WITHIN}, "$expr": budget.due(min_age)}
    order = [("last_updated", 1), ("city", 1)]
    return [found["city"] for found in store.locations.find(wanted, {"city": True}).sort(order)]


class Gathered:
    """What became of the cities that were due; threads may add to it."""

    def __init__(self, due: int) -> None:
        self.due, self.refreshed, self.kept, self.usd = due, 0, 0, 0.0
        self.nothing = 0  # were looked at, and had nothing that is believed
        self.failed: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.ended_by = ""
        self._guard = threading.Lock()

    def add(self, answer: Outcome | Refusal) -> None:
        with self._guard:
            if isinstance(answer, Refusal):
                self.refused[answer.reason] += 1
                return
            self.kept += answer.kept
            self.usd += answer.usd
            if answer.reason == "fresh":
                self.refreshed += 1
            elif answer.reason == "empty":
                self.nothing += 1
            elif answer.reason != "stopped":
                self.failed[answer.reason] += 1

    @property
    def well(self) -> bool:
        """Whether no more than half of those that were tried failed."""
        failed = self.failed.total()
        return failed * 2 <= failed + self.refreshed + self.nothing

    def __str__(self) -> str:
        words = (
            f"gathering: cities due: {self.due}, refreshed: {self.refreshed}, "
            f"showtimes kept: {self.kept}, found nothing: {self.nothing}, "
            f"failed: {_counted(self.failed)}, refused: {_counted(self.refused)}, "
            f"{self.usd:.4f} USD"
        )
        return f"{words}; no more were started: {self.ended_by}" if self.ended_by else words


def _counted(reasons: Mapping[str, int]) -> str:
    each = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"{sum(reasons.values())} ({each})" if each else "0"


class Looks:
    """Runs for many cities, as many at once as the site may have; `stop` is fit for a signal."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._over = threading.Event()

    def stop(self) -> None:
        self._over.set()
        self._runner.stop(0)

    def run(self, cities: Iterable[str]) -> Gathered:
        cities = list(cities)
        gathered = Gathered(len(cities))
        with ThreadPoolExecutor(self._runner.limits.parallel) as threads:
            for each in [threads.submit(self._one, city, gathered) for city in cities]:
                each.result()
        return gathered

    def _one(self, city: str, gathered: Gathered) -> None:
        if self._over.is_set():
            gathered.ended_by = gathered.ended_by or "stopped"
            return
        try:
            answer = self._patiently(city)
        except PyMongoError:
            answer = Outcome(city, "database")
        gathered.add(answer)
        if answer.reason in ENDS:
            gathered.ended_by = gathered.ended_by or answer.reason
            self._over.set()

    def _patiently(self, city: str) -> Outcome | Refusal:
        end = time.monotonic() + PATIENCE
        while True:
            answer = self._runner.run(city)
            busy = isinstance(answer, Refusal) and answer.reason == "busy"
            if not busy or time.monotonic() > end or self._over.wait(BUSY_SECONDS):
                return answer
