"""
The indexes of the database, as `site.toml` lists them, ensured so that many processes may do it at
once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure

SITE = Path(__file__).resolve().parent.parent / "site.toml"
INDEX_NOT_FOUND = 27
NAMESPACE_NOT_FOUND = 26


@dataclass(frozen=True)
class Index:
    """One index; two are the same when all but the name is."""

    collection: str
    keys: tuple[tuple[str, int | str], ...]
    unique: bool = False
    expire_after: int | None = None

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Self:
        keys = tuple((field, direction) for field, direction in table["keys"])
        return cls(**{**table, "keys": keys})

    @classmethod
    def found(cls, collection: str, facts: Mapping[str, Any]) -> Self:
        """What MongoDB says of an index that is there."""
        return cls(
            collection=collection,
            keys=tuple(facts["key"].items()),
            unique=bool(facts.get("unique", False)),
            expire_after=facts.get("expireAfterSeconds"),
        )

    @property
    def options(self) -> dict[str, Any]:
        expiry = {} if self.expire_after is None else {"expireAfterSeconds": self.expire_after}
        return {"unique": self.unique, **expiry}


def wanted(path: Path = SITE) -> tuple[Index, ...]:
    """All indexes that *path* lists."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["index"]
    return tuple(Index.read(table) for table in tables)


def ensure(database: Database[dict[str, Any]]) -> None:
    """Make what is missing and replace what differs; where nothing is to do, only read."""
    indexes = wanted()
    for name in sorted({index.collection for index in indexes}):
        _ensure(database[name], [index for index in indexes if index.collection == name])


def _ensure(collection: Collection[dict[str, Any]], indexes: list[Index]) -> None:
    there = {
        Index.found(collection.name, facts): str(facts["name"])
        for facts in collection.list_indexes()
    }
    for index in indexes:
        if index in there:
            continue
        for other, name in there.items():
            if other.keys == index.keys:
                _drop(collection, name)
        collection.create_index(list(index.keys), **index.options)


def _drop(collection: Collection[dict[str, Any]], name: str) -> None:
    try:
        collection.drop_index(name)
    except OperationFailure as error:
        # Another worker was faster.
        if error.code not in {INDEX_NOT_FOUND, NAMESPACE_NOT_FOUND}:
            raise
