"""
How the certificate of a domain stands, in words and as data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cinestream_ops.cli import show

GOOD = ("issued", "expiring")
Record = Mapping[str, Any]


def standing(record: Record) -> dict[str, Any]:
    """The part of a lineage's *record* that an owner asks for; times as text."""
    good = record.get("state") in GOOD
    return {
        "state": record.get("state", "http-only"),
        "until": show.when(record.get("not_after") or 0) if good else None,
        "why": record.get("reason", ""),
        "hint": record.get("hint", ""),
        "next_try": show.when(record["next_try"]) if record.get("next_try") else None,
    }


def tell(name: str, record: Record, why: str = "") -> None:
    """What became of *name*'s certificate; *why* is what the change itself said of it."""
    now = standing(record)
    if now["state"] in GOOD and not why:
        show.say(f"`{name}` is {now['state']}: its certificate is good until {now['until']}")
        return
    again = f"at {now['next_try']}" if now["next_try"] else "every hour"
    hint = f"{now['hint']}; the server" if now["hint"] else "the server"
    show.warning(f"`{name}` is {now['state']}: {now['why'] or why}", f"{hint} tries again {again}")
