"""
Whether the workers of all sites fit into the server's memory.  It warns, and never refuses.
"""

from __future__ import annotations

from cinestream_ops.cli import show
from cinestream_ops.spec.house import House
from cinestream_ops.state.facts import Machine

MIB = 1 << 20


def warn(house: House, machine: Machine) -> None:
    if sentence := shortage(house, machine):
        show.warning(sentence, "fewer `--workers`, less `--memory`, or a larger server")


def shortage(house: House, machine: Machine) -> str:
    """What is lacking, with its numbers; empty where all fits, or the memory is not known."""
    needed = {name: site.workers * site.memory for name, site in house.sites.items()}
    there = machine.memory // MIB
    if not there or sum(needed.values()) <= there:
        return ""
    largest = sorted(house.sites.values(), key=lambda site: needed[site.name], reverse=True)
    each = ", ".join(
        f"`{site.name}` {site.workers} x {site.memory} MiB" for site in largest[: show.MOST]
    )
    more = len(largest) - show.MOST
    others = f", and {more} more sites" if more > 0 else ""
    need = sum(needed.values())
    return f"workers may need {need} MiB, and the server has {there} MiB ({each}{others})"
