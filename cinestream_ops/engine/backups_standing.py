"""
How the backups stand that servers make by themselves: the last good one, and what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.desired import backups as wishes
from cinestream_ops.engine.ailments import Finding, finding
from cinestream_ops.engine.backups import answered
from cinestream_ops.spec.site import Site

LATE = 2 * 24 * 3600  # seconds: two of the days that lie between two backups
GOOD = {"", "success"}

Told = Mapping[str, Any]


def standing(conversation: Conversation, sites: Iterable[Site]) -> dict[str, dict[str, Any]]:
    """What the server remembers of its backups of those of *sites* that it saves; by name."""
    units = {str(site.name): wishes.unit(site.name, "service") for site in sites if site.backup}
    if not units:
        return {}
    order = {"do": "backup", "act": "standing", "units": units}
    return dict(answered(conversation, order)["sites"])


def troubles(site: str, told: Told, now: float) -> Iterator[Finding]:
    """What is wrong with the backups of *site*; *now* in seconds of the epoch."""
    hint = f"`journalctl -u {wishes.unit(site, 'service')}` on the server tells more"
    if why := failure(told):
        yield finding("stop", f"the last backup of `{site}` failed: {why}", hint)
    since = told["good"] or told["since"]
    if now - since > LATE and not told["running"]:
        days = int((now - since) / 86400)
        last = f"is {days} days old" if told["good"] else f"is due since {days} days"
        kind = "last good" if told["good"] else "first"
        yield finding("stop", f"the {kind} backup of `{site}` {last}", hint)
    for each in told.get("missing", ()):
        kept = "save that by its own tools"
        yield finding("warn", f"the backups of `{site}` do not contain its {each}", kept)


def failure(told: Told) -> str:
    """Why the last one came to nothing; empty if it did not, or has yet to come to its end."""
    if told["running"]:
        return ""
    if told["began"] > told["ended"]:
        return "it was cut off"
    if told["why"]:
        return str(told["why"])
    return "" if told["result"] in GOOD else f"systemd says `{told['result']}`"
