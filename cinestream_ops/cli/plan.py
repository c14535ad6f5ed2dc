"""
`cinestream plan`.
"""

from __future__ import annotations

import typer

from cinestream_ops.cli import change, fail, session, specs
from cinestream_ops.cli.options import NONE, Changing, Diff, ExitCode, FromSpec, Reading, SiteNames


def plan(
    asked: Reading,
    names: SiteNames = NONE,
    exit_code: ExitCode = False,
    diff: Diff = False,
    file: FromSpec = None,
) -> None:
    """Show what would change, and change nothing."""
    looking = Changing(asked.server, asked.as_json, asked.wait, plan_only=True, diff=diff)
    with session.opened(asked) as host:
        wanted = specs.wanted(host, file)
        made = change.make(
            host,
            wanted.house,
            looking,
            doing="plan",
            only=specs.scope(host, names, wanted),
            carried=wanted.carried,
        )
    if exit_code and made:
        raise typer.Exit(fail.PENDING)
