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
    """Where the block of the next site, of so many *workers*, begins; see `next_block`."""
    return next_block(house, listeners, workers).start


def next_block(house: House, listeners: Collection[int], workers: int) -> range:
    """
    The ports to keep for the next site: whole hundreds, from 8001 on.

    Blocks of other sites are passed over, and so are those in which anybody listens: who is not a
    worker is not reached there (see `nft/firewall.nft`).
    Where no hundreds are left, it is as many ports as *workers*, wherever others leave them.
    Raises OpsError when there are none.
    """
    kept = {port for site in house.sites.values() for port in site.block}
    busy = set(listeners)
    gaps = sorted({FIRST, *(site.block.stop for site in house.sites.values())})
    tries = ((reserve(workers), range(FIRST, LAST_PORT, BLOCK)), (workers, gaps))
    for size, starts in tries:
        for start in starts:
            block = range(start, start + size)
            free = kept.isdisjoint(block) and busy.isdisjoint(block)
            if free and block.stop <= LAST_PORT + 1:
                return block
    raise OpsError(
        f"no block of {workers} free ports is left",
        "remove a site, or keep fewer for one: a smaller `reserve` in its spec, then "
        "`cinestream apply`",
    )


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
