"""
`cinestream stop`.
"""

from __future__ import annotations

from cinestream_ops.cli import change, session
from cinestream_ops.cli.options import Changing, SiteName
from cinestream_ops.spec import toml


def stop(name: SiteName, asked: Changing) -> None:
    """Stop the workers of a site; visitors are told so, and everything of it stays."""
    with session.opened(asked) as host:
        site = toml.edited(host.site(name), {"stopped": True})
        house = host.house.with_site(site)
        change.make(host, house, asked, doing=f"stop {name}", only={name})
