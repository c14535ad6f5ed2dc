"""
`cinestream restart`.
"""

from __future__ import annotations

from cinestream_ops.cli import change, session
from cinestream_ops.cli.options import Changing, SiteName


def restart(name: SiteName, asked: Changing) -> None:
    """Restart the workers of a site, a few at a time; no request is refused."""
    with session.opened(asked) as host:
        host.site(name)
        change.make(host, host.house, asked, doing=f"restart {name}", only={name}, restart={name})
