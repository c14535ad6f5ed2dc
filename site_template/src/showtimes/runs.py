"""
Runs of the gathering agent: whether one may start, and the threads that see them through.

A run belongs to the process that started it, and ends with it.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from pymongo.errors import PyMongoError

from showtimes import budget, keeping, lock
from showtimes.budget import Refusal, Reservation
from showtimes.child import Child, environ
from showtimes.database import Store
from showtimes.following import Claim, End, follow
from showtimes.keeping import Outcome
from showtimes.lock import Held
from showtimes.settings import Gathering, Settings

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger(__name__)

NAME = "showtimes.runner"  # under which an application keeps its own
OFF = timedelta(hours=1)
SETTLE_SECONDS = 60  # after its deadline, for a run to be paid
SECONDS_TO_STOP = 10
FEW_SEARCHES = 1  # for a city whose pages are known
COUNTRY = "UA"


def runner_of(app: Flask) -> Runner:
    return cast("Runner", app.extensions[NAME])


@dataclass(frozen=True)
class Started:
    """A run goes on for *city*."""

    city: str


@dataclass(frozen=True)
class Admitted:
    """What a run has before it starts: the lock of its city, and money set aside."""

    held: Held
    reservation: Reservation


class Runner:
    """
    One for a process.  Callers check that the city is known; the methods that start a run raise
    `pymongo.errors.PyMongoError`, and leave nothing taken then.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._known_at_exit = False
        if not settings.anthropic_api_key:
            log.warning("gathering is off, since `.env` sets no ANTHROPIC_API_KEY")

    @property
    def limits(self) -> Gathering:
        return self._settings.gathering

    def start(self, city: str) -> Started | Refusal:
        """A visitor's run: returns at once, and the run goes on in a thread."""
        admitted = self.admit(city, self.limits, visitor=True)
        if isinstance(admitted, Refusal):
            return admitted
        # A daemon: at the end of the process `stop` waits for it, and not for ever.
        thread = threading.Thread(
            target=self._see_through, args=(admitted,), name=f"agent-{city}", daemon=True
        )
        self._enter(thread)
        try:
            thread.start()
        except RuntimeError:
            self._leave(thread)
            end = End("other", detail="no thread", spoke=False)
            self.conclude(admitted, end, time.monotonic())
            return self._refused("busy", budget.BUSY)
        return Started(city)

    def run(self, city: str) -> Outcome | Refusal:
        """The daily refresh's: not counted among the starts of the hour; waits for the end."""
        admitted = self.admit(city, self.limits, visitor=False)
        if isinstance(admitted, Refusal):
            return admitted
        self._enter(threading.current_thread())
        return self._see_through(admitted)

    def stop(self, seconds: float = SECONDS_TO_STOP) -> None:
        """
        Kill what runs, give its locks back, and start nothing more; at the end of the process this
        is done without being asked.
        """
        self._stopping.set()
        end = time.monotonic() + seconds
        with self._guard:
            threads = self._threads - {threading.current_thread()}
        for thread in threads:
            thread.join(max(0, end - time.monotonic()))

    # ── may it start? ──

    def admit(
        self, city: str, limits: Gathering, *, visitor: bool, room: bool = True
    ) -> Admitted | Refusal:
        """
        Lock and pay for a run within *limits*, which somebody must `conclude`; *room* is whether
        it is a child of its own.
        """
        if not self._settings.anthropic_api_key or self._stopping.is_set():
            return self._refused("off", OFF)
        due = budget.due(limits.min_age)
        held = lock.acquire(self._store.locations, city, limits.lock_seconds, also=due)
        if held is None:
            return self._why_not(city)
        try:
            paid = self._pay(limits, visitor=visitor, room=room)
        except PyMongoError:
            keeping.give_back(self._store, held)
            raise
        if isinstance(paid, Refusal):
            keeping.give_back(self._store, held)
            return paid
        return Admitted(held, paid)

    def _pay(self, limits: Gathering, *, visitor: bool, room: bool) -> Reservation | Refusal:
        stats = self._store.stats
        refused = budget.broken(stats)
        if refused is None and visitor:
            refused = budget.count_start(stats, limits.starts_an_hour)
        return refused or budget.reserve(
            stats,
            datetime.now(UTC),
            limits.run_usd,
            limits.daily_usd,
            limits.deadline + SETTLE_SECONDS,
            limits.parallel if room else None,
        )

    def _why_not(self, city: str) -> Refusal:
        standing = lock.standing(self._store.locations, city)
        if standing is None:
            raise KeyError(city)
        # None, when what was in the way is gone by now.
        return budget.age(standing, self.limits.min_age) or self._refused("processing", budget.POLL)

    def _refused(self, reason: str, wait: timedelta) -> Refusal:
        return Refusal(reason, datetime.now(UTC) + wait)

    # ── it runs ──

    def _see_through(self, admitted: Admitted) -> Outcome:
        began = time.monotonic()
        try:
            try:
                end = self._gather(admitted)
            except PyMongoError as error:  # before there was a child: `follow` raises none
                end = End("database", detail=type(error).__name__, spoke=False)
            except Exception as error:  # whatever it is, the lock is given back
                log.exception("a run for %s failed", admitted.held.city)
                end = End("other", detail=type(error).__name__)
            return self.conclude(admitted, end, began)
        finally:
            self._leave(threading.current_thread())

    def _gather(self, admitted: Admitted) -> End:
        job, claim = self.job(admitted.held.city), self.claim(admitted)
        with self.child(job, self.limits.deadline) as process:
            return follow(process, claim, self._stopping)

    def claim(self, admitted: Admitted) -> Claim:
        return Claim(self._store.locations, admitted.held, self.limits.lock_seconds)

    def child(self, job: Mapping[str, Any], seconds: float, module: str = "gather") -> Child:
        return Child(job, environ(self._settings), seconds, module)

    def conclude(self, admitted: Admitted, end: End, began: float) -> Outcome:
        """*began* is a moment of `time.monotonic`."""
        outcome = keeping.conclude(
            self._store, admitted.held, admitted.reservation, end, self.limits
        )
        report(outcome, end.detail, time.monotonic() - began)
        return outcome

    def job(self, city: str) -> dict[str, Any]:
        """What the agent is asked, with all that is known of *city*."""
        found = self._store.locations.find_one({"city": city}) or {}
        pages, limits = found.get("cinema_pages", []), self.limits
        return {
            "city": {
                "slug": city,
                "names": found["city_name"],
                "country": found.get("country", COUNTRY),
                "zone": found["zone"],
                "at": found["geo"]["coordinates"],
            },
            "now": datetime.now(UTC).isoformat(),
            "pages": pages,
            "model": limits.model,
            "effort": limits.effort,
            "searches": min(limits.searches, FEW_SEARCHES) if pages else limits.searches,
            "fetches": limits.fetches,
            "page_tokens": limits.page_tokens,
            "hosts": list(limits.hosts),
        }

    # ── who runs ──

    def _enter(self, thread: threading.Thread) -> None:
        with self._guard:
            if not self._known_at_exit:
                # Only now: what is registered last is called first, and pymongo's own hangs up.
                atexit.register(self.stop)
                self._known_at_exit = True
            self._threads.add(thread)

    def _leave(self, thread: threading.Thread) -> None:
        with self._guard:
            self._threads.discard(thread)


def report(outcome: Outcome, detail: str, seconds: float) -> None:
    """One line of the log, which holds no word that came from outside."""
    dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(outcome.dropped.items()))
    log.log(
        logging.INFO if outcome.reason in {"fresh", "stopped"} else logging.WARNING,
        "gathered for %s: %s%s, kept %d, dropped %d%s, %.4f USD, %.1f s",
        outcome.city,
        outcome.reason,
        f" ({detail})" if detail else "",
        outcome.kept,
        sum(outcome.dropped.values()),
        f" ({dropped})" if dropped else "",
        outcome.usd,
        seconds,
    )
