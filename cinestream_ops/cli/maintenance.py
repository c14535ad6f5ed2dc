"""
`cinestream maintenance`.
"""

from __future__ import annotations

from typing import Any

import typer

from cinestream_ops.cli import change, session
from cinestream_ops.cli.options import Changing, Message, RetryAfter, SiteName, Switch, Switched
from cinestream_ops.spec import toml
from cinestream_ops.spec.site import Site


def maintenance(
    name: SiteName,
    switch: Switched,
    asked: Changing,
    message: Message = None,
    retry_after: RetryAfter = None,
) -> None:
    """
    Show visitors a page in place of a site, or the site again.

    Whoever asks from the server itself sees the site all the while.
    """
    told = {"message": message, "retry_after": retry_after}
    named = {key: value for key, value in told.items() if value is not None}
    if named and switch is Switch.OFF:
        raise typer.BadParameter("`--message` and `--retry-after` go with `on`")
    with session.opened(asked) as host:
        there = host.site(name)
        page = switched_on(there, named) if switch is Switch.ON else None
        house = host.house.with_site(toml.edited(there, {"maintenance": page}))
        change.make(host, house, asked, doing=f"maintenance {name} {switch.value}", only={name})


def switched_on(there: Site, named: dict[str, Any]) -> dict[str, Any]:
    """The table of the spec with what is *named*; the rest stays as it is, if it is on already."""
    before = toml.told(there.maintenance) if there.maintenance else {}
    return {**before, **named}
