"""
`cinestream start`.
"""

from __future__ import annotations

from cinestream_ops.cli import capacity, change, session
from cinestream_ops.cli.options import Changing, SiteName
from cinestream_ops.spec import toml


def start(name: SiteName, asked: Changing) -> None:
    """Start the workers of a site that was stopped; once they are ready, visitors meet them."""
    with session.opened(asked) as host:
        site = toml.edited(host.site(name), {"stopped": None})
        house = host.house.with_site(site)
        capacity.warn(house, host.found.facts.machine)
        change.make(host, house, asked, doing=f"start {name}", only={name})
