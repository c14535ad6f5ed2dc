"""
Questions to a server that change nothing.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.engine import backups_standing, clocks, facing, leftovers, reach, squatters
from cinestream_ops.engine.ailments import ailments, once
from cinestream_ops.engine.looking import Found
from cinestream_ops.engine.planning import plan
from cinestream_ops.errors import Refused, StrangeAnswer
from cinestream_ops.spec import toml
from cinestream_ops.spec.site import Site

Finding = dict[str, Any]


def status(
    conversation: Conversation, found: Found, names: Collection[str]
) -> list[dict[str, Any]]:
    """How each of the sites *names* stands: its workers and domains, and the `trouble` there is."""
    units = {name: list(found.house.sites[name].units) for name in names}
    needing = [name for name in names if needs_mongodb(found.house.sites[name])]
    where = found.house.server.mongodb.mode if found.house.server and needing else ""
    told = conversation.ask({"do": "status", "sites": units, "mongodb": where})
    lost = {"where": where, "why": told["mongodb"]} if told["mongodb"] else None
    if sorted(each["name"] for each in told["sites"]) != sorted(names):
        raise StrangeAnswer("`status` of other sites")
    saved = backups_standing.standing(conversation, map(found.house.sites.__getitem__, names))
    taken = squatted(conversation, found, names)
    met = facing.facing(conversation, found, names)
    more = {
        name: {
            "backup": saved.get(name),
            "taken": taken[name],
            "mongodb": lost if name in needing else None,
        }
        for name in names
    }
    return [whole({**each, **more[each["name"]]}, found, met) for each in told["sites"]]


def needs_mongodb(site: Site) -> bool:
    return bool(site.database) and not site.stopped


def troubles(sites: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """All that troubles *sites*, as `status` tells of them."""
    return once(each for site in sites for each in site["trouble"])


def squatted(
    conversation: Conversation, found: Found, names: Collection[str]
) -> dict[str, list[dict[str, Any]]]:
    """By site, the ports kept for it that somebody else is on."""
    sites = {name: squatters.reserved(found.house.sites[name], found.facts) for name in names}
    holders = squatters.named(conversation, (port for ports in sites.values() for port in ports))
    return {
        # Those whose holder is not told are workers that somebody started by hand.
        name: [{"port": port, "by": holders[port]} for port in ports if holders[port]]
        for name, ports in sites.items()
    }


def whole(told: dict[str, Any], found: Found, met: Mapping[str, Any]) -> dict[str, Any]:
    """What the server *told* of a site and its visitors *met*, with what the specs add."""
    site = found.house.sites[told["name"]]
    known = found.facts.certificates
    domains = [secured(domain.name, known.get(domain.name, {})) for domain in site.domains]
    standing = {**told, **away(site), "domains": domains}
    lineages = {str(domain.name): domain.names for domain in site.domains}
    seen = [*facing.of_server(met), *facing.of_site(met, standing, lineages)]
    trouble = [*seen, *ailments(standing), *unsaved(told)]
    return {**standing, "trouble": trouble}


def unsaved(told: dict[str, Any]) -> Iterator[Finding]:
    if told["backup"]:
        yield from backups_standing.troubles(told["name"], told["backup"], time.time())


def secured(domain: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "domain": domain,
        "state": record.get("state", "http-only"),
        "why": record.get("reason", ""),
        "hint": record.get("hint", ""),
    }


def away(site: Site) -> dict[str, Any]:
    """What keeps visitors from *site* because its owner asked for it."""
    return {
        "stopped": site.stopped,
        "maintenance": toml.told(site.maintenance) if site.maintenance else None,
    }


def logs(
    conversation: Conversation, site: str, units: Sequence[str], *, follow: bool, lines: int
) -> Iterator[str]:
    """Lines about *units* of *site*, oldest first; without end when *follow* is set."""
    order = {"do": "logs", "site": site, "units": list(units), "follow": follow, "lines": lines}
    for event in conversation.events(order):
        if event["event"] == "line":
            yield event["text"]


def history(conversation: Conversation) -> list[dict[str, Any]]:
    """Who did what and when, and what came of it; oldest first."""
    return list(conversation.ask({"do": "history"})["entries"])


def examine(conversation: Conversation, wait: float = 0, *, keys: bool = False) -> list[Finding]:
    """
    What stands in the way of a set-up; waits up to *wait* seconds for what passes by itself.

    If *keys* alone are to log in, also who has none.
    """
    return list(conversation.ask({"do": "examine", "wait": wait, "keys": keys})["findings"])


def inbound(conversation: Conversation) -> dict[str, Any]:
    """`logins`, the ports of sshd; `public`, by port who else listens; another's `firewall`."""
    return conversation.ask({"do": "inbound"})


def check_domain(conversation: Conversation, names: Sequence[str]) -> list[Finding]:
    """What the world knows about *names*, what this server serves, and who is `shut_out` here."""
    found = list(conversation.ask({"do": "check-domain", "names": list(names)})["findings"])
    # Those that lead nowhere have another trouble than a firewall.
    led = [each["name"] for each in found if each["token"] and not any(each["token"].values())]
    closed = reach.closed(reach.doors(led, ()), server_of(conversation))
    return [{**each, "shut_out": closed.get((each["name"], reach.HTTP), "")} for each in found]


def server_of(conversation: Conversation) -> str:
    """Where this machine reaches the server; empty if it is the server."""
    return conversation.target.host if conversation.target else ""


def doctor(conversation: Conversation, found: Found) -> list[Finding]:
    """Everything that is not well, and how to mend it."""
    return [
        *(finding for finding in examine(conversation) if finding["level"] != "ok"),
        *clocks.findings(found.ahead),
        *leftovers.findings(found.facts.leftovers),
        *drifted(conversation, found),
        *unwell(conversation, found),
        *shut_out(conversation, found),
    ]


def drifted(conversation: Conversation, found: Found) -> Iterator[Finding]:
    try:
        made = plan(conversation, found, found.house)
    except Refused as error:
        yield {"level": "stop", "what": str(error), "hint": error.hint}
        return
    for sentence in made.warnings:
        yield {"level": "warn", "what": sentence, "hint": "`cinestream plan --diff` shows it"}
    if made and not made.warnings:
        what = f"{len(made.steps)} steps are pending"
        yield {"level": "warn", "what": what, "hint": "look at them with `cinestream plan`"}


def unwell(conversation: Conversation, found: Found) -> Iterator[Finding]:
    sites = status(conversation, found, sorted(found.house.sites))
    alone = () if sites else facing.of_server(facing.facing(conversation, found, ()))
    yield from (*alone, *troubles(sites))


def shut_out(conversation: Conversation, found: Found) -> Iterator[Finding]:
    """Names of sites that nobody reaches from where the owner is."""
    names = [name for site in found.house.sites.values() for name in site.names]
    secure = {name for each in found.facts.certificates.values() for name in each.get("names", ())}
    yield from reach.findings(names, secure, server_of(conversation))
