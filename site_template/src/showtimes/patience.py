"""
Patience with a database that is away: one request waits for it, and all others are told at once.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import pymongo
from pymongo.errors import AutoReconnect, PyMongoError

FIRST_SECONDS = 2.0
AGAIN_SECONDS = 1.0  # where it was away a moment ago
REST_SECONDS = 1.0  # between two looks


class Patience:
    """What one process knows of whether its database is there."""

    def __init__(self) -> None:
        self._looking = threading.Lock()
        self._away = False
        self._rest_until = 0.0

    def look(self, client: pymongo.MongoClient[Any]) -> None:
        """
        Raise `PyMongoError` where the database is away.

        Costs nothing while the driver knows a server.  Otherwise one thread asks; the others wait
        for its answer, but not if the last one was that there is none.
        """
        if found(client):
            return
        if not self._looking.acquire(blocking=not self._away):
            raise absent()
        try:
            self._ask(client)
        finally:
            self._looking.release()

    def _ask(self, client: pymongo.MongoClient[Any]) -> None:
        if found(client):
            self._away = False
            return
        if time.monotonic() < self._rest_until:
            raise absent()
        try:
            with pymongo.timeout(AGAIN_SECONDS if self._away else FIRST_SECONDS):
                client.admin.command("ping")
        except PyMongoError:
            self._away, self._rest_until = True, time.monotonic() + REST_SECONDS
            raise
        self._away = False


def found(client: pymongo.MongoClient[Any]) -> bool:
    """Whether the driver's last look, or last answer, was of a server that can be read."""
    return client.topology_description.has_readable_server()


def absent() -> AutoReconnect:
    return AutoReconnect("the database was away a moment ago")
