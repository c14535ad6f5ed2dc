"""
`cinestream status`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from cinestream_ops import engine
from cinestream_ops.cli import session, show
from cinestream_ops.cli.options import MaybeSite, Reading, Watch
from cinestream_ops.cli.session import Session

EVERY = 2.0  # seconds
CLEAR = "\033[H\033[2J"
MIB = 1 << 20

SITES = {
    "name": "site",
    "ready": "ready",
    "memory": "memory",
    "restarts": "restarts",
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
    """Tell how sites are; with a name, how each of its workers is."""
    with session.opened(asked) as host:
        names = [str(host.site(name).name)] if name else list(host.house.sites)
        tell(host, names, by_worker=bool(name), as_json=asked.as_json)
        while watch:
            time.sleep(EVERY)
            if sys.stdout.isatty():
                sys.stdout.write(CLEAR)
            tell(host, names, by_worker=bool(name), as_json=asked.as_json)


def tell(host: Session, names: Sequence[str], *, by_worker: bool, as_json: bool) -> None:
    found = engine.status(host.conversation, host.found, names)
    if as_json:
        show.data(found)
    elif by_worker:
        for site in found:
            if away := absence(site):
                show.say(f"`{site['name']}` is away from visitors: {away}")
        show.rows([worker(each, site) for site in found for each in site["workers"]], WORKERS)
    else:
        show.rows([summary(site) for site in found], SITES)


def summary(site: Mapping[str, Any]) -> dict[str, Any]:
    """All workers of *site* in one row."""
    workers = site["workers"]
    return {
        "name": site["name"],
        "ready": f"{sum(each['ready'] for each in workers)} of {len(workers)}",
        "memory": mib(sum(each["memory"] for each in workers)),
        "restarts": sum(each["restarts"] for each in workers),
        "why": trouble(site),
    }


def trouble(site: Mapping[str, Any]) -> str:
    """What visitors meet in place of *site*, and why the first of its workers cannot serve."""
    ill = () if site["stopped"] else site["workers"]
    why = next((each["why"] for each in ill if not each["ready"]), "")
    return "; ".join(each for each in (absence(site), why) if each)


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
