"""
`cinestream restart`.
"""

from __future__ import annotations

from cinestream_ops.cli import change, session
from cinestream_ops.cli.options import Batch, Changing, SiteName
from cinestream_ops.errors import OpsError


def restart(name: SiteName, asked: Changing, batch: Batch = 25) -> None:
    """Restart the workers of a site, a few at a time; no request is refused."""
    with session.opened(asked) as host:
        if host.site(name).stopped:
            raise OpsError(f"`{name}` is stopped", f"`cinestream start {name}` starts its workers")
        change.make(
            host,
            host.house,
            asked,
            doing=f"restart {name}",
            only={name},
            restart={name},
            batch=batch,
        )
