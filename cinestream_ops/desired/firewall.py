"""
Who may connect to the ports of workers, and whom sites may call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cinestream_ops.desired import places
from cinestream_ops.desired.texts import file
from cinestream_ops.spec.site import Site
from cinestream_ops.state import paths
from cinestream_ops.state.items import Directory, File, Item, Table, Unit

RULES = f"{paths.SPECS}/firewall.nft"
SITES = f"{paths.SPECS}/nft"
UNIT = "cinestream-firewall.service"
TABLE = Table("inet cinestream", RULES, UNIT, ("ports", "sites", "metadata", "metadata6"))
INBOUND = f"{paths.SPECS}/inbound.nft"
# What flushes every table, also ours, when it starts, stops or is loaded anew.
DISTRIBUTIONS = "nftables.service.d"
# What a site's workers need of the database is a few connections each; what its refresh and its
# commands need besides is no more than a few hundred.
EACH, FEW = 16, 256


@dataclass(frozen=True)
class Rules:
    rules: str
    sites: str
    loader: str
    inbound: str


@dataclass(frozen=True)
class Allowed:
    """*family* as nft spells it: `ip` or `ip6`; an empty *port* is all of them."""

    family: str
    to: str
    port: str


@dataclass(frozen=True)
class Block:
    site: str
    first: int
    last: int
    connections: int  # to the database on this server, at a time
    limited: bool
    allowed: tuple[Allowed, ...]


def of_server(*, inbound: bool) -> Iterator[Item]:
    """The table for the ports of workers, and what loads it, as well as the *inbound* one."""
    context = Rules(RULES, SITES, paths.FIREWALL, INBOUND)
    yield Directory(SITES, 0o700)
    yield file(RULES, "nft/firewall.nft", context, mode=0o600)
    yield file(paths.FIREWALL, "shell/firewall", context, mode=0o755)
    yield file(places.unit(UNIT), f"systemd/{UNIT}", context)
    yield Directory(places.unit(DISTRIBUTIONS))
    drop_in = places.unit(f"{DISTRIBUTIONS}/cinestream.conf")
    yield file(drop_in, "systemd/nftables-keep.conf", context)
    # All below SITES: the rules of a site that leaves are nobody's wish any more.
    parts = (f"file:{RULES}", f"file:{SITES}/", *([f"file:{INBOUND}"] if inbound else []))
    yield Unit(UNIT, restart_on=(f"file:{places.unit(UNIT)}",), reload_on=parts)
    yield TABLE


def of_site(site: Site) -> File:
    peers = site.network.allow if site.network else ()
    block = Block(
        site.name,
        site.block.start,
        site.block.stop - 1,
        FEW + EACH * len(site.block),
        limited=site.network is not None,
        allowed=tuple(
            Allowed("ip" if peer.network.version == 4 else "ip6", str(peer.network), peer.port)
            for peer in peers
        ),
    )
    return file(places.rules(site), "nft/site.nft", block, mode=0o600)
