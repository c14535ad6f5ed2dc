"""
Pages kept in this worker's memory, ready to be sent.

A page's key says all that it depends on beside the data, and nothing of one visitor: what is made
for a key is shown to everybody who asks by it.
"""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from flask import Flask, Response, current_app, request
from pymongo.errors import PyMongoError
from werkzeug.http import parse_accept_header

from showtimes import languages, metrics
from showtimes.database import store_of
from showtimes.versions import AWAY_SECONDS, Versions

NAME = "showtimes.caches"  # under which an application keeps its own

MIB = 1024 * 1024
# Entries and bytes.  What visitors may vary at will has a place of its own, so that they cannot
# drive out the pages that everybody looks at.
SHELVES = {"pages": (512, 2 * MIB), "filtered": (64, MIB // 2)}
OVERHEAD = 1024  # bytes of an entry beside its page
LONGEST = 200  # letters of a header that are remembered
# Within a minute, what has begun is gone, and "5 minutes ago" is right.
KEEP_SECONDS = 50.0


@dataclass(frozen=True)
class Kept:
    """A page, compressed; *made* is told by the monotonic clock."""

    page: bytes
    digest: str
    version: object
    made: float

    @property
    def age(self) -> float:
        return time.monotonic() - self.made


class Shelf:
    """So many entries and bytes at most; what was not asked for the longest goes first."""

    def __init__(self, entries: int, size: int) -> None:
        self._most, self._room = entries, size
        self._guard = threading.Lock()
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Kept | None:
        with self._guard:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Hashable, kept: Kept) -> None:
        with self._guard:
            self._drop(key)
            self._kept[key] = kept
            self.bytes += weight(kept)
            while len(self._kept) > self._most or self.bytes > self._room:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        if key in self._kept:
            self.bytes -= weight(self._kept.pop(key))


def weight(kept: Kept) -> int:
    return len(kept.page) + OVERHEAD


class Caches:
    """The pages of one process, and the versions that they are compared with."""

    def __init__(self, versions: Versions) -> None:
        self.versions = versions
        self.shelves = {name: Shelf(*bounds) for name, bounds in SHELVES.items()}
        self._guard = threading.Lock()
        self._turns: dict[Hashable, tuple[threading.Lock, int]] = {}

    def page(self, name: str, key: Hashable, version: object, make: Callable[[], str]) -> Kept:
        """
        The page of *key*, which *make* makes when the one on the shelf *name* is old or missing.

        While the database is away an old one is better than none.
        """
        kept = self._good(name, key, version)
        if kept is None:
            with self._turn(key):
                kept = self._good(name, key, version)
                if kept is None:
                    metrics.miss(name)
                    return self._made(name, key, version, make)
        metrics.hit(name)
        return kept

    def _good(self, name: str, key: Hashable, version: object) -> Kept | None:
        kept = self.shelves[name].get(key)
        return kept if kept and kept.version == version and kept.age < KEEP_SECONDS else None

    def _made(self, name: str, key: Hashable, version: object, make: Callable[[], str]) -> Kept:
        # What is read while it is made may be newer than that, never older.
        began = time.monotonic()
        try:
            page = make().encode()
        except PyMongoError:
            kept = self.shelves[name].get(key)
            if kept is None or kept.age > AWAY_SECONDS:
                raise
            return kept
        digest = hashlib.sha256(page).hexdigest()[:32]
        kept = Kept(gzip.compress(page, 6, mtime=0), digest, version, began)
        self.shelves[name].put(key, kept)
        return kept

    @contextmanager
    def _turn(self, key: Hashable) -> Iterator[None]:
        """One thread after the other, among those that want the page of *key*."""
        with self._guard:
            turn, waiting = self._turns.get(key, (threading.Lock(), 0))
            self._turns[key] = turn, waiting + 1
        try:
            with turn:
                yield
        finally:
            with self._guard:
                turn, waiting = self._turns.pop(key)
                if waiting > 1:
                    self._turns[key] = turn, waiting - 1


def init_app(app: Flask) -> None:
    app.extensions[NAME] = Caches(Versions(store_of(app)))


def caches_of(app: Flask) -> Caches:
    return cast("Caches", app.extensions[NAME])


def versions() -> Versions:
    return caches_of(current_app).versions


def insisted() -> bool:
    """Whether the browser wants no answer out of a cache (RFC 9111, section 5.2.1.4)."""
    return bool(request.cache_control.no_cache)


def answer(name: str, key: Hashable, version: object, make: Callable[[], str]) -> Response:
    """The page of *key* in the visitor's language, at this host."""
    language = languages.current().code
    asked = request.args.get("lang") == language
    whole = (request.scheme, request.host, language, asked, key)
    return sent(caches_of(current_app).page(name, whole, version, make))


def sent(kept: Kept) -> Response:
    """*kept* as the browser can read it, or 304 if it has that already."""
    zipped = reads_gzip(request.headers.get("Accept-Encoding", "")[:LONGEST])
    etag = f"{kept.digest}-gzip" if zipped else kept.digest
    if request.if_none_match.contains_weak(etag):
        response = Response(status=304)
    elif zipped:
        response = Response(kept.page, mimetype="text/html")
        response.headers["Content-Encoding"] = "gzip"
    else:
        response = Response(gzip.decompress(kept.page), mimetype="text/html")
    response.set_etag(etag)
    response.headers["Vary"] = "Accept-Encoding"
    return response


@lru_cache(64)
def reads_gzip(accepted: str) -> bool:
    """Whether *accepted*, an Accept-Encoding, lets us compress."""
    return parse_accept_header(accepted)["gzip"] > 0
