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
    each = ", ".join(
        f"`{name}` {site.workers} x {site.memory} MiB" for name, site in house.sites.items()
    )
    return f"workers may need {sum(needed.values())} MiB, and the server has {there} MiB ({each})"
