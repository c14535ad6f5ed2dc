"""
`cinestream status`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from cinestream_ops import engine
from cinestream_ops.cli import findings, mouth, session, show
from cinestream_ops.cli.options import MaybeSite, Reading, Watch
from cinestream_ops.cli.session import Session
from cinestream_ops.engine import clocks, leftovers

EVERY = 2.0  # seconds
MIB = 1 << 20

SITES = {
    "name": "site",
    "ready": "ready",
    "memory": "memory",
    "restarts": "restarts",
    "saved": "last backup",
    "why": "trouble",
}
WORKERS = {
    "unit": "worker",
    "state": "state",
    "ready": "ready",
    "pid": "pid",
    "memory": "memory",
    "restarts": "restarts",
    "since": "since",
    "why": "trouble",
}


def status(asked: Reading, name: MaybeSite = "", watch: Watch = False) -> None:
    """Tell how sites are, or each worker of one; exit with 1 if any cannot serve."""
    with session.opened(asked) as host:
        names = [str(host.site(name).name)] if name else list(host.house.sites)
        found = tell(host, names, by_worker=bool(name), as_json=asked.as_json)
        while watch:
            time.sleep(EVERY)
            mouth.clear()
            found = tell(host, names, by_worker=bool(name), as_json=asked.as_json)
    findings.leave(found)


def tell(
    host: Session, names: Sequence[str], *, by_worker: bool, as_json: bool
) -> list[dict[str, str]]:
    """Show how the sites *names* stand; what troubles them, which is told as well."""
    found = engine.status(host.conversation, host.found, names)
    if as_json:
        show.data(found)
    elif by_worker:
        for site in found:
            if away := absence(site):
                show.say(f"`{site['name']}` is away from visitors: {away}")
            if site["backup"]:
                show.say(f"the last good backup of `{site['name']}`: {saved(site)}")
        show.rows([worker(each, site) for site in found for each in site["workers"]], WORKERS)
    else:
        shown = {key: title for key, title in SITES.items() if key != "saved" or saves(found)}
        show.rows([summary(site) for site in found], shown)
    troubles = engine.troubles(found)
    left = leftovers.findings(host.found.facts.leftovers)
    findings.tell([*troubles, *left, *clocks.findings(host.found.ahead)])
    return troubles


def summary(site: Mapping[str, Any]) -> dict[str, Any]:
    """All workers of *site* in one row."""
    workers = site["workers"]
    return {
        "name": site["name"],
        "ready": f"{sum(each['ready'] for each in workers)} of {len(workers)}",
        "memory": mib(sum(each["memory"] for each in workers)),
        "restarts": sum(each["restarts"] for each in workers),
        "saved": saved(site) if site["backup"] else "",
        "why": trouble(site),
    }


def saves(found: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the server saves any of these sites by itself."""
    return any(site["backup"] for site in found)


def saved(site: Mapping[str, Any]) -> str:
    """When the server last saved *site*, which it does by itself."""
    good = site["backup"]["good"]
    return show.when(good) if good else "none yet"


def trouble(site: Mapping[str, Any]) -> str:
    """What visitors meet in place of *site*, and why the first of its workers cannot serve."""
    ill = () if site["stopped"] else site["workers"]
    why = next((each["why"] for each in ill if not each["ready"]), "")
    lost = f"MongoDB {site['mongodb']['why']}" if site.get("mongodb") else ""
    return "; ".join(each for each in (absence(site), lost, why) if each)


def absence(site: Mapping[str, Any]) -> str:
    """Why its owner keeps visitors from *site*; empty if they do not."""
    asked = site["maintenance"]
    said = f"maintenance: {asked.get('message', '')}".removesuffix(": ") if asked else ""
    return ", ".join(each for each in ("stopped" if site["stopped"] else "", said) if each)


def worker(told: Mapping[str, Any], site: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **told,
        "why": "" if site["stopped"] else told["why"],
        "unit": told["unit"].removesuffix(".service"),
        "memory": mib(told["memory"]),
        "since": show.when(told["since"]) if told["since"] else "",
    }


def mib(size: int) -> str:
    return f"{size // MIB} MiB"
