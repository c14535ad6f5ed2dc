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
        show.table(["what", "is"], [[key, show.word(value)] for key, value in told.items()])


def everything(site: Site) -> dict[str, Any]:
    """The spec of *site*, and where on the server it lives."""
    places = {
        "user": site.user,
        "home": f"{paths.SITES}/{site.name}",
        "units": f"{site.name}@{site.ports[0]} … {site.ports[-1]}",
        "spec": f"{paths.SPECS}/sites/{site.name}.toml",
    }
    return {"name": site.name, **toml.told(site), **places}
