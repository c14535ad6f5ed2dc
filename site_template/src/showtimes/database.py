"""
The site's database, opened when it is first needed and prepared once per process.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import pymongo
from pymongo.collection import Collection
from pymongo.database import Database

from showtimes import cities, indexes
from showtimes.patience import Patience

if TYPE_CHECKING:
    from flask import Flask

Document = dict[str, Any]

NAME = "showtimes.store"  # under which an application keeps its own

PATIENCE_MS = 2_000  # to find a server, so that a page says soon that there is none
READ_MS = 10_000


def store_of(app: Flask) -> Store:
    return cast("Store", app.extensions[NAME])


class Store:
    """
    Three collections.  Every property may raise `pymongo.errors.PyMongoError`, and may be asked
    again later.
    """

    def __init__(self, uri: str, name: str) -> None:
        self._uri = uri
        self._name = name
        self._opening = threading.Lock()
        self._preparing = threading.Lock()
        self._patience = Patience()
        self._opened: Database[Document] | None = None
        self._prepared = False

    @property
    def locations(self) -> Collection[Document]:
        return self.prepared["locations"]

    @property
    def showtimes(self) -> Collection[Document]:
        return self.prepared["showtimes"]

    @property
    def stats(self) -> Collection[Document]:
        return self.prepared["stats"]

    @property
    def prepared(self) -> Database[Document]:
        """
        The database with its indexes and its cities; a failed preparation is made again next time.
        """
        database = self._open()
        self._patience.look(database.client)
        if not self._prepared:
            with self._preparing:
                self._prepare(database)
        return database

    def ping(self) -> None:
        """Ask the server for a sign of life, for two seconds at most."""
        with pymongo.timeout(PATIENCE_MS / 1000):
            self._open().command("ping")

    def close(self) -> None:
        with self._opening:
            if self._opened is not None:
                self._opened.client.close()
            self._opened, self._prepared = None, False

    def _prepare(self, database: Database[Document]) -> None:
        if not self._prepared:
            indexes.ensure(database)
            cities.seed(database["locations"])
            self._prepared = True

    def _open(self) -> Database[Document]:
        with self._opening:
            if self._opened is None:
                self._opened = self._client()[self._name]
            return self._opened

    def _client(self) -> pymongo.MongoClient[Document]:
        return pymongo.MongoClient(
            self._uri,
            appname="cinestream",
            connect=False,
            tz_aware=True,
            maxPoolSize=8,
            serverSelectionTimeoutMS=PATIENCE_MS,
            connectTimeoutMS=PATIENCE_MS,
            socketTimeoutMS=READ_MS,
            # One thread and one connection less for each of many workers on one machine.
            serverMonitoringMode="poll",
        )
