"""
`cinestream releases`.
"""

from __future__ import annotations

from cinestream_ops.cli import session, show
from cinestream_ops.cli.options import Reading, SiteName
from cinestream_ops.spec.past import Past
from cinestream_ops.spec.site import Site

COLUMNS = {
    "id": "release",
    "deployed": "deployed",
    "state": "state",
    "source": "source",
    "ref": "ref",
}


def releases(name: SiteName, asked: Reading) -> None:
    """List the release of a site that is live, and those that it can be rolled back to."""
    with session.opened(asked) as host:
        site = host.site(name)
    live = [row(site, "live")] if site.release else []
    rows = [*live, *(row(past, "") for past in site.past)]
    show.rows(rows, COLUMNS, as_json=asked.as_json)


def row(told: Site | Past, state: str) -> dict[str, str]:
    return {
        "id": told.release[:16],
        "deployed": told.deployed,
        "state": state,
        "source": told.source,
        "ref": told.ref,
    }
