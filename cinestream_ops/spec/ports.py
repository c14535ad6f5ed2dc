"""
Which ports a site may have.
"""

from __future__ import annotations

from collections.abc import Collection

from cinestream_ops.errors import BadSpec, Fault, OpsError
from cinestream_ops.spec.house import House
from cinestream_ops.spec.site import LAST_PORT, Site

FIRST, BLOCK = 8001, 100


def next_port(house: House, listeners: Collection[int], workers: int) -> int:
    """
    Where the next site's block begins: 8001, then each hundred above.

    Blocks of other sites are passed over, and so are ports that anybody listens on.  Raises
    OpsError when no block is left.
    """
    size = reserve(workers)
    for port in range(FIRST, LAST_PORT - size + 2, BLOCK):
        block = range(port, port + size)
        if not any(overlap(block, site.block) for site in house.sites.values()) and not any(
            each in range(port, port + workers) for each in listeners
        ):
            return port
    raise OpsError(f"no block of {size} free ports is left", "remove a site, or name a `--port`")


def reserve(workers: int) -> int:
    """How many ports to keep for a site of so many workers: whole hundreds, so that it can grow."""
    return -(-max(workers, 1) // BLOCK) * BLOCK


def refuse_taken(site: Site, before: House, listeners: Collection[int]) -> None:
    """Raise BadSpec if others than the sites of *before* listen on the ports that *site* wants."""
    ours = {port for each in before.sites.values() for port in each.ports}
    taken = sorted(set(site.ports) & set(listeners) - ours)
    if taken:
        shown = ", ".join(map(str, taken[:5])) + (", …" if len(taken) > 5 else "")
        raise BadSpec([
            Fault(
                f"sites/{site.name}/port",
                f"port {shown} is in use by a program that is not a site of ours",
                f"leave `--port` out, or choose {next_port(before, listeners, site.workers)}",
            )
        ])  # fmt: skip


def overlap(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop
