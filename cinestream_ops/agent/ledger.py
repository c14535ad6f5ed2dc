"""
What was asked of ACME authorities, so that their limits are never met.

Pure: the clock is an argument, and the ledger a list.  An authority that refuses us does so for
hours or days; we refuse first, and say when it may be tried again.  Source:
https://letsencrypt.org/docs/rate-limits/
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

HOUR, WEEK = 3600, 7 * 24 * 3600
DUPLICATES, FAILURES = 5, 5
ISSUED, FAILED = "issued", "failed"
Entries = List[Dict[str, Any]]


class Limit(NamedTuple):
    """Why not now, and *until* when (seconds since the epoch)."""

    why: str
    until: float


def limit(entries: Entries, names: Sequence[str], directory: str, now: float) -> Optional[Limit]:
    """What stands against asking *directory* for a certificate for *names*; the later of two."""
    mine = [entry for entry in entries if entry["directory"] == directory]
    limits = [duplicates(mine, names, now), *(failures(mine, name, now) for name in sorted(names))]
    return max((each for each in limits if each), key=lambda each: each.until, default=None)


def duplicates(entries: Entries, names: Sequence[str], now: float) -> Optional[Limit]:
    """Five certificates a week for exactly the same set of names."""
    same = [entry for entry in entries if set(entry["names"]) == set(names)]
    until = full(same, ISSUED, DUPLICATES, WEEK, now)
    why = f"{DUPLICATES} certificates for the same names within a week"
    return Limit(why, until) if until else None


def failures(entries: Entries, name: str, now: float) -> Optional[Limit]:
    """Five failed validations an hour for one host name."""
    tried = [entry for entry in entries if name in entry["names"]]
    until = full(tried, FAILED, FAILURES, HOUR, now)
    why = f"{FAILURES} failed attempts for `{name}` within an hour"
    return Limit(why, until) if until else None


def full(entries: Entries, what: str, most: int, span: float, now: float) -> float:
    """When the oldest of the last *most* falls out of the *span*; 0 if there is room now."""
    times = sorted(entry["at"] for entry in entries if entry["what"] == what)
    # What is to come was written by a clock that was ahead: it would count for as long as it was.
    recent = [at for at in times if at <= now < at + span]
    return recent[-most] + span if len(recent) >= most else 0


def noted(entries: Entries, what: str, names: Sequence[str], directory: str, now: float) -> Entries:
    """The ledger with one more line, without those that no limit counts any more."""
    line = {"at": now, "what": what, "names": sorted(names), "directory": directory}
    return [entry for entry in entries if now - WEEK < entry["at"] <= now] + [line]
