"""
`cinestream edit-site`.
"""

from __future__ import annotations

from typing import Any

import typer

from cinestream_ops.cli import capacity, change, code, deploying, session
from cinestream_ops.cli.code import Code
from cinestream_ops.cli.options import AcceptErrors, Changing, SiteName, SiteOptions
from cinestream_ops.spec import ports, toml
from cinestream_ops.spec.site import Site


def edit_site(
    name: SiteName, options: SiteOptions, asked: Changing, accept_errors: AcceptErrors = False
) -> None:
    """Change what is named about a site, and nothing else."""
    if not (options.plain or options.hooks or options.brings_code):
        raise typer.BadParameter("name what to change, such as `--workers`")
    with session.opened(asked) as host:
        there = host.site(name)
        brought = code.of_site(host, there, options) if options.brings_code else Code()
        site = toml.edited(there, changes(there, options, brought))
        house = host.house.with_site(site)
        capacity.warn(house, host.found.facts.machine)
        change.make(
            host,
            house,
            asked,
            doing=f"edit-site {name}",
            only={name},
            carried=brought.carried(name),
            accept_errors=accept_errors,
        )


def changes(there: Site, options: SiteOptions, brought: Code) -> dict[str, Any]:
    keys = deploying.changes(there, options, brought)
    if options.workers and there.reserve < options.workers <= 1000:
        keys["reserve"] = ports.reserve(options.workers)
    return keys
