"""
One release after another: what is remembered of the one that leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cinestream_ops.spec import toml
from cinestream_ops.spec.past import Past
from cinestream_ops.spec.site import Site

# What a source says of itself in its `site.toml`; `memory` is the owner's, once a site is there.
OF_THE_SOURCE = ("static", "refresh", "indexes", "limits", "caches")
RUNS = ("release", "requirements", "wsgi")


def succeeded(was: Site, keys: Mapping[str, Any], moment: str) -> dict[str, Any]:
    """
    *keys*, and what else changes in the spec of *was* with them if they are another release.

    What the source does not say of itself any longer goes back to its default (None).
    """
    before = toml.told(was)
    after = {**before, **keys}
    said = {name: keys.get(name) for name in OF_THE_SOURCE}
    silent = said if any(value is not None for value in said.values()) else {}
    if identity(before) == identity(after):
        return {**silent, **keys}
    rows = [row(before), *before.get("past", [])] if was.release else []
    past = [each for each in rows if identity(each) != identity(after)]
    return {**silent, **keys, "deployed": moment, "past": past[: after.get("keep", was.keep)]}


def identity(table: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(table.get(name, "") for name in RUNS)


def row(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: table[name] for name in Past.model_fields if name in table}


def found(site: Site, name: str) -> Past | None:
    """The earlier release of *site* whose id begins with *name*; the latest for an empty one."""
    return next((each for each in site.past if each.release.startswith(name)), None)
