"""
`cinestream sites`.
"""

from __future__ import annotations

from cinestream_ops.cli import session, show
from cinestream_ops.cli.options import Reading

COLUMNS = {
    "name": "site",
    "workers": "workers",
    "ports": "ports",
    "domains": "domains",
    "source": "source",
}


def sites(asked: Reading) -> None:
    """List the sites of a server."""
    with session.opened(asked) as host:
        found = [
            {
                "name": site.name,
                "port": site.port,
                "workers": site.workers,
                "ports": f"{site.ports[0]}-{site.ports[-1]}",
                "domains": list(site.names),
                "source": site.source,
                "stopped": site.stopped,
                "maintenance": site.maintenance is not None,
            }
            for site in host.house.sites.values()
        ]
    show.rows(found, COLUMNS, as_json=asked.as_json)
