"""
Counts visitors: once per visit, which lasts as long as the session's cookie.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

from pymongo.errors import PyMongoError

from showtimes.database import Store

log = logging.getLogger(__name__)


def note(store: Store, session: MutableMapping[str, Any]) -> None:
    """Count this visit unless it is counted; a database that is away costs a visit and no page."""
    if session.get("counted"):
        return
    try:
        store.stats.update_one(
            {"name": "visitor_counter"},
            {"$inc": {"count": 1}, "$setOnInsert": {"created_at": datetime.now(UTC)}},
            upsert=True,
        )
    except PyMongoError as error:
        log.warning("a visit was not counted: %s", type(error).__name__)
    else:
        session["counted"] = True


def count(store: Store) -> int:
    found = store.stats.find_one({"name": "visitor_counter"}) or {}
    return int(found.get("count", 0))
