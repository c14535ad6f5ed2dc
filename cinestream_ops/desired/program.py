"""
A program of a site that runs beside its workers: as whom, where, and what it may do.
"""

from __future__ import annotations

from dataclasses import dataclass

from cinestream_ops.desired import places, units
from cinestream_ops.render.render import render
from cinestream_ops.spec.site import Site
from cinestream_ops.state import environment


@dataclass(frozen=True)
class Context:
    site: str
    home: str
    slice: str
    steering: str = " ".join(environment.STEERING)


def properties(site: Site) -> tuple[str, ...]:
    """What systemd is told of it, `Name=value` each; the same sandbox as that of a worker."""
    context = Context(site.user, places.home(site), units.slice_name(site))
    lines = render("systemd/site-run.properties", context).splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))
