"""
Specs as an earlier version of cinestream wrote them, brought into the shape that this one reads.

Tables in, tables out: nothing of them has been checked yet.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cinestream_ops import __version__
from cinestream_ops.errors import OpsError
from cinestream_ops.spec.version import Version
from cinestream_ops.spec.words import NotAllowed

Tables = dict[str, Mapping[str, Any]]  # by address: `server`, and `sites/NAME`
Migrations = Sequence[tuple[Version, Callable[[Tables], Tables]]]

OURS = Version(__version__)
# What wrote no version.
FIRST = Version("0.0.0")

# What each version changed in the format, the earliest first.  A migration leaves alone what has
# the new shape already: a site may have been changed by a version that the server still waits for.
MIGRATIONS: Migrations = ()


def written_by(tables: Tables) -> Version:
    """The version that last made the server; what is no version is left to be told as a fault."""
    told = tables.get("server", {}).get("cinestream")
    try:
        return Version(told) if isinstance(told, str) else FIRST
    except NotAllowed:
        return FIRST


def version_of(specs: Mapping[str, str]) -> Version:
    """The version that last made the server of *specs*, which are text by its path."""
    # It was read before, or there would be no facts to plan with.
    return written_by({"server": tomllib.loads(specs.get("server.toml", ""))})


def refuse_newer(tables: Tables, ours: Version = OURS) -> None:
    """Raise OpsError if a later version than *ours* has the server: we would misread it."""
    theirs = written_by(tables)
    if theirs.order > ours.order:
        raise OpsError(
            f"this server was last changed by cinestream {theirs}, and this is {ours}",
            "install that version or a newer one: `git pull` and `make install` in its checkout",
        )


def migrated(tables: Tables, migrations: Migrations) -> Tables:
    """*tables* as they would be, had this version written them."""
    theirs = written_by(tables)
    for version, migration in migrations:
        if version.order > theirs.order:
            tables = migration(tables)
    return tables
