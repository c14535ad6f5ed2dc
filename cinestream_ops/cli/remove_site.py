"""
`cinestream remove-site`.
"""

from __future__ import annotations

from cinestream_ops.cli import change, session
from cinestream_ops.cli.options import Changing, Purge, SiteName


def remove_site(name: SiteName, asked: Changing, purge: Purge = False) -> None:
    """Take a site down.  Its files, user and database stay, unless they are purged."""
    with session.opened(asked) as host:
        host.site(name)
        change.make(
            host,
            host.house.without_site(name),
            asked,
            doing=f"remove-site {name}",
            only={name},
            purge={name} if purge else (),
        )
