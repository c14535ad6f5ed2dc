"""
What ails a site, in sentences: which worker or domain, why, and what its owner can do.

Pure: it is told how the site stands, and asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cinestream_ops.state import paths

Finding = dict[str, str]
Told = Mapping[str, Any]

ISSUED = "issued"
NEVER_ASKED = "no certificate was asked for yet"
AGAIN = "sites come back by themselves"


def ailments(site: Told) -> Iterator[Finding]:
    """Worst first; *site* is one of those that `status` tells of."""
    if not site["stopped"]:
        yield from bereft(site)
        yield from idle(site)
        yield from restless(site)
    yield from unsecured(site)
    yield from crowded(site)


def bereft(site: Told) -> Iterator[Finding]:
    """The MongoDB of *site*, if it does not answer: in the same words for all that need it."""
    lost = site.get("mongodb")
    if lost and lost["where"] in PLACES:
        level = "warn" if all(each["ready"] for each in site["workers"]) else "stop"
        yield finding(level, f"MongoDB{PLACES[lost['where']]} {lost['why']}", HELP[lost["where"]])


PLACES = {"archive": " on this server", "external": ", which runs elsewhere,"}
HELP = {
    "archive": "on the server, `journalctl -u mongodb` tells more and `systemctl restart mongodb` "
    f"starts it anew; {AGAIN}",
    "external": f"`{paths.MONGODB_ENV}` on the server holds its address; {AGAIN}",
}


def idle(site: Told) -> Iterator[Finding]:
    """Workers that cannot serve, those with the same reason in one sentence."""
    name = site["name"]
    ill = [each for each in site["workers"] if not each["ready"]]
    for these in grouped(ill, "why"):
        what = f"{named(these)} of `{name}` {these[0]['why']}"
        runs = these[0].get("state") == "active"
        mended = AGAIN if site.get("mongodb") and runs else f"`cinestream restart {name}`"
        hint = f"`cinestream logs {name}` tells more; once it is mended, {mended}"
        yield finding("stop", what, hint)


def restless(site: Told) -> Iterator[Finding]:
    """Workers that serve, but have ended by themselves since they were last told to start."""
    name = site["name"]
    well = [each for each in site["workers"] if each["ready"] and each["ended"]]
    for these in grouped([each for each in well if each["restarts"]], "ended"):
        ended, times = these[0]["ended"], sum(each["restarts"] for each in these)
        often = "" if times == 1 else f", {times} times so far"
        what = f"{named(these)} of `{name}` {ended}, and was started again{often}"
        yield finding("warn", what, f"`cinestream logs {name}` tells more{room(ended, name)}")


def room(ended: str, name: str) -> str:
    """What to do about a lack of memory, if that is what it was."""
    if "memory" not in ended:
        return ""
    return f"; `cinestream edit-site {name} --memory MIB` gives it more room"


def unsecured(site: Told) -> Iterator[Finding]:
    """Domains whose certificate is not there, about to be too old, or could not be renewed."""
    for each in site["domains"]:
        if each["state"] != ISSUED or each["why"]:
            why = each["why"] or NEVER_ASKED
            what = f"`{each['domain']}` of `{site['name']}` is {each['state']}: {why}"
            hint = f"{each['hint']}; " if each["hint"] else ""
            again = f"`cinestream domain list {site['name']}` tells when it is tried again"
            yield finding("warn", what, hint + again)


def crowded(site: Told) -> Iterator[Finding]:
    """Ports kept for its workers that somebody else is on."""
    for each in site["taken"]:
        what = f"port {each['port']}, kept for `{site['name']}`, is in use by {each['by']}"
        yield finding("warn", what, "stop it before the site needs more workers")


def once(found: Iterable[Finding]) -> list[Finding]:
    """What several sites have in common is told once, at its worst."""
    told: dict[str, Finding] = {}
    for each in found:
        if each["level"] == "stop" or each["what"] not in told:
            told[each["what"]] = each
    return list(told.values())


def grouped(workers: Sequence[Told], key: str) -> Iterator[list[Told]]:
    """*workers* by what their *key* says, seconds and counts aside."""
    said = {each["unit"]: "".join(c for c in each[key] if not c.isdigit()) for each in workers}
    for what in dict.fromkeys(said.values()):
        yield [each for each in workers if said[each["unit"]] == what]


def named(workers: Sequence[Told]) -> str:
    first = f"`{workers[0]['unit'].removesuffix('.service')}`"
    return first if len(workers) == 1 else f"{first} (and {len(workers) - 1} more)"


def finding(level: str, what: str, hint: str) -> Finding:
    return {"level": level, "what": what, "hint": hint}
