"""
`cinestream show`.
"""

from __future__ import annotations

from typing import Any

from cinestream_ops.cli import session, show
from cinestream_ops.cli.options import Reading, SiteName
from cinestream_ops.spec import toml
from cinestream_ops.spec.site import Site
from cinestream_ops.state import paths


def show_site(name: SiteName, asked: Reading) -> None:
    """Show everything about one site."""
    with session.opened(asked) as host:
        told = everything(host.site(name))
    if asked.as_json:
        show.data(told)
    else:
        short = {**told, **in_short(host.site(name))}
        show.table(["what", "is"], [[key, show.word(value)] for key, value in short.items()])


def in_short(site: Site) -> dict[str, Any]:
    """What is a table of its own in the spec, as it fits into a line."""
    fields = (
        f"{index.collection}({', '.join(name for name, _ in index.keys)})" for index in site.indexes
    )
    found = {"domains": list(site.names), "indexes": list(fields)}
    return {key: value for key, value in found.items() if value}


def everything(site: Site) -> dict[str, Any]:
    """The spec of *site*, and where on the server it lives."""
    places = {
        "user": site.user,
        "home": f"{paths.SITES}/{site.name}",
        "units": f"{site.name}@{site.ports[0]} … {site.ports[-1]}",
        "spec": f"{paths.SPECS}/sites/{site.name}.toml",
    }
    return {"name": site.name, **toml.told(site), **places}
