"""
`cinestream apply`.
"""

from __future__ import annotations

from cinestream_ops.cli import capacity, change, session, specs
from cinestream_ops.cli.options import NONE, Changing, FromSpec, SiteNames


def apply(asked: Changing, names: SiteNames = NONE, file: FromSpec = None) -> None:
    """Make a server as its own specs say; with --file, as that file says of its sites."""
    with session.opened(asked) as host:
        wanted = specs.wanted(host, file)
        capacity.warn(wanted.house, host.found.facts.machine)
        change.make(
            host,
            wanted.house,
            asked,
            doing=" ".join(["apply", *names]),
            only=specs.scope(host, names, wanted),
            carried=wanted.carried,
        )
