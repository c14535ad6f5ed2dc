"""
Questions to a server that change nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.engine.looking import Found
from cinestream_ops.engine.planning import plan
from cinestream_ops.spec import toml
from cinestream_ops.spec.site import Site

Finding = dict[str, Any]


def status(
    conversation: Conversation, found: Found, names: Collection[str]
) -> list[dict[str, Any]]:
    """How each of the sites *names* stands: its workers, readiness and certificates."""
    sites = {name: found.house.sites[name].units for name in names}
    order = {"do": "status", "sites": {name: list(units) for name, units in sites.items()}}
    told = conversation.ask(order)["sites"]
    return [{**each, **away(found.house.sites[each["name"]])} for each in told]


def away(site: Site) -> dict[str, Any]:
    """What keeps visitors from *site* because its owner asked for it."""
    return {
        "stopped": site.stopped,
        "maintenance": toml.told(site.maintenance) if site.maintenance else None,
    }


def logs(
    conversation: Conversation, units: Sequence[str], *, follow: bool, lines: int
) -> Iterator[str]:
    """Lines of the journal of *units*, oldest first; without end when *follow* is set."""
    order = {"do": "logs", "units": list(units), "follow": follow, "lines": lines}
    for event in conversation.events(order):
        if event["event"] == "line":
            yield event["text"]


def history(conversation: Conversation) -> list[dict[str, Any]]:
    """Who did what and when, and what came of it; oldest first."""
    return list(conversation.ask({"do": "history"})["entries"])


def examine(conversation: Conversation, wait: float = 0) -> list[Finding]:
    """What stands in the way of a set-up; waits up to *wait* seconds for what passes by itself."""
    return list(conversation.ask({"do": "examine", "wait": wait})["findings"])


def check_domain(conversation: Conversation, names: Sequence[str]) -> list[Finding]:
    """What the world knows about *names*, and what this server serves for them."""
    return list(conversation.ask({"do": "check-domain", "names": list(names)})["findings"])


def doctor(conversation: Conversation, found: Found) -> list[Finding]:
    """Everything that is not well, and how to mend it."""
    return [
        *(finding for finding in examine(conversation) if finding["level"] != "ok"),
        *drifted(conversation, found),
        *unwell(conversation, found),
    ]


def drifted(conversation: Conversation, found: Found) -> Iterator[Finding]:
    made = plan(conversation, found, found.house)
    for sentence in made.warnings:
        yield {"level": "warn", "what": sentence, "hint": "`cinestream plan --diff` shows it"}
    if made and not made.warnings:
        what = f"{len(made.steps)} steps are pending"
        yield {"level": "warn", "what": what, "hint": "look at them with `cinestream plan`"}


def unwell(conversation: Conversation, found: Found) -> Iterator[Finding]:
    for site in status(conversation, found, sorted(found.house.sites)):
        for worker in site["workers"]:
            if not worker["ready"] and not site["stopped"]:
                yield {
                    "level": "stop",
                    "what": f"`{worker['unit']}` is not ready: {worker['why']}",
                    "hint": f"`cinestream logs {site['name']}` may tell why",
                }
