"""
The daily refresh by the batches API: one child for all cities, slower and at half of the price.

Each city is locked and paid for as for a run of its own, for as long as the batch takes.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pymongo.errors import PyMongoError

from showtimes.budget import Refusal
from showtimes.child import Child, Event
from showtimes.following import TICK, Claim, End, end_of
from showtimes.refresh import ENDS, Gathered
from showtimes.runs import Admitted, Runner

MODULE = "gather.batch"
HOURS = 1.5  # the unit of the daily refresh is killed after two
GRACE_SECONDS = 300  # for the child to call off what is late, and to check the last links
SECONDS_TO_CANCEL = 20  # after SIGTERM; the unit gives 30


@dataclass(frozen=True)
class Open:
    """A city of the batch, of which no end was heard yet."""

    admitted: Admitted
    claim: Claim


class Batch:
    """Looks at many cities in one batch; `stop` is fit for a signal."""

    def __init__(self, runner: Runner, hours: float = HOURS) -> None:
        self._runner, self._hours = runner, hours
        self._over = threading.Event()
        self._began = time.monotonic()
        self._open: dict[str, Open] = {}

    def stop(self) -> None:
        self._over.set()

    def run(self, cities: Iterable[str]) -> Gathered:
        cities = list(cities)
        gathered = Gathered(len(cities))
        end = End("other", spoke=False)
        try:
            self._admit(cities, gathered)
            if self._open:
                end = self._follow(gathered)
        finally:
            for city in list(self._open):
                self._conclude(city, end, gathered)
        return gathered

    @property
    def _seconds(self) -> float:
        return self._hours * 3600 + GRACE_SECONDS

    def _admit(self, cities: Iterable[str], gathered: Gathered) -> None:
        limits = replace(self._runner.limits, deadline=round(self._seconds))
        for city in cities:
            if self._over.is_set():
                gathered.ended_by = "stopped"
                return
            # It is one child for all of them, so none takes the room of a visitor's run.
            admitted = self._runner.admit(city, limits, visitor=False, room=False)
            if isinstance(admitted, Refusal):
                gathered.add(admitted)
                if admitted.reason in ENDS:
                    gathered.ended_by = admitted.reason
                    return
                continue
            self._open[city] = Open(admitted, self._runner.claim(admitted))

    def _follow(self, gathered: Gathered) -> End:
        """What is to be said of those cities that the child did not speak of."""
        jobs = {"jobs": [self._runner.job(city) for city in self._open], "hours": self._hours}
        spoke = False
        with self._runner.child(jobs, self._seconds, MODULE) as process:
            for event in self._heard(process):
                spoke = spoke or event.get("event") == "progress"
                if event.get("event") == "done":
                    break
                self._take(event, gathered)
                self._keep_up()
            if self._over.is_set():
                gathered.ended_by = "stopped"
                return End("stopped", spoke=spoke)
            return End("deadline" if process.late else "died", spoke=spoke)

    def _heard(self, process: Child) -> Iterator[Event]:
        """Its events; once we are told to stop, those of its last seconds."""
        last: float | None = None
        for event in process.events(TICK):
            yield event
            if self._over.is_set() and last is None:
                last = time.monotonic() + SECONDS_TO_CANCEL
                process.kill(signal.SIGTERM)
            if last is not None and time.monotonic() > last:
                return

    def _take(self, event: Event, gathered: Gathered) -> None:
        end, city = end_of(event), event.get("city")
        if end and city is None:
            for each in list(self._open):
                self._conclude(each, end, gathered)
        elif end and city in self._open:
            self._conclude(city, end, gathered)
        elif event.get("event") == "progress" and city in self._open:
            self._open[city].claim.note(event)

    def _keep_up(self) -> None:
        for each in self._open.values():
            if not each.claim.lost:
                each.claim.keep_up()

    def _conclude(self, city: str, end: End, gathered: Gathered) -> None:
        admitted = self._open.pop(city).admitted
        with contextlib.suppress(PyMongoError):
            gathered.add(self._runner.conclude(admitted, end, self._began))
