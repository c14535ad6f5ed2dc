"""
How each city stands: what the pages that a worker keeps are compared with.

One small query for all cities, every few seconds at most, whatever the number of requests.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import pymongo
from pymongo.errors import AutoReconnect, PyMongoError

from showtimes.database import Store
from showtimes.lock import STATUS

log = logging.getLogger(__name__)

READ_SECONDS = 5.0
NEWS_SECONDS = 1.0
LATEST_SECONDS = 8.0  # who comes while another reads goes on with what is younger than that
AWAY_SECONDS = 3_600.0  # for which pages go on without the database
RETRY_SECONDS = 1.0
TELL_SECONDS = 60.0
PATIENCE_SECONDS = 2.0
SHOWN = {"_id": False, "city": True, "status": STATUS, "last_updated": True}


class Version(NamedTuple):
    status: str
    last_updated: datetime | None


class Versions:
    """
    The cities that there are, each with its version: as the database told it, at most eight
    seconds ago, or while it is away as it was before, for an hour.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reading = threading.Lock()
        self._known: Mapping[str, Version] = {}
        self._read = float("-inf")
        self._due = float("-inf")
        self._away = False
        self._told = float("-inf")

    def known(self) -> Mapping[str, Version]:
        """The very same object for as long as nothing changes.  Raises `PyMongoError`."""
        now = time.monotonic()
        patient = not self._away and now - self._read > LATEST_SECONDS
        if now >= self._due and self._reading.acquire(blocking=patient):
            try:
                self._read_all()
            finally:
                self._reading.release()
        if time.monotonic() - self._read > AWAY_SECONDS:
            raise AutoReconnect("the database is away, and what is known of it is too old")
        return self._known

    def of(self, city: str) -> Version | None:
        """
        How *city* stands.  One that is not known may be new: then all are read again, but not more
        than once in a second, whoever makes up names.
        """
        found = self.known().get(city)
        if found is None and not self._away and time.monotonic() - self._read > NEWS_SECONDS:
            self._due = float("-inf")
            found = self.known().get(city)
        return found

    def read_again(self, city: str) -> Version | None:
        """How *city* stands at this moment, for who may know more than we do; None if unknown."""
        if self._away:
            return None
        with self._reading:
            try:
                found = self._asked({"city": city})
            except PyMongoError:
                return None  # which the next look at all of them will tell
            self._keep({**self._known, **found})
        return found.get(city)

    def _read_all(self) -> None:
        began = time.monotonic()
        if began < self._due:
            return
        try:
            found = self._asked({})
        except PyMongoError as error:
            self._away, self._due = True, time.monotonic() + RETRY_SECONDS
            self._tell(error)
        else:
            self._away, self._read, self._due = False, began, began + READ_SECONDS
            self._keep(found)

    def _asked(self, wanted: Mapping[str, Any]) -> dict[str, Version]:
        with pymongo.timeout(PATIENCE_SECONDS):
            rows = list(self._store.locations.find(wanted, SHOWN))
        return {
            row["city"]: Version(row.get("status", "stale"), row.get("last_updated"))
            for row in rows
        }

    def _keep(self, found: Mapping[str, Version]) -> None:
        if found != self._known:
            self._known = found

    def _tell(self, error: PyMongoError) -> None:
        now = time.monotonic()
        if now - self._told >= TELL_SECONDS:
            self._told = now
            log.warning(
                "the database is away (%s): pages that are kept are shown as they were",
                type(error).__name__,
            )
