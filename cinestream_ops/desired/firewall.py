"""
Who may connect to the ports of workers: nginx and root.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cinestream_ops.desired import places
from cinestream_ops.desired.texts import file
from cinestream_ops.spec.site import Site
from cinestream_ops.state import paths
from cinestream_ops.state.items import Directory, File, Item, Unit

RULES = f"{paths.SPECS}/firewall.nft"
SITES = f"{paths.SPECS}/nft"
UNIT = "cinestream-firewall.service"


@dataclass(frozen=True)
class Rules:
    rules: str
    sites: str


@dataclass(frozen=True)
class Block:
    site: str
    first: int
    last: int


def of_server() -> Iterator[Item]:
    context = Rules(RULES, SITES)
    yield Directory(SITES, 0o700)
    yield file(RULES, "nft/firewall.nft", context, mode=0o600)
    yield file(places.unit(UNIT), f"systemd/{UNIT}", context)
    # All below SITES: the rules of a site that leaves are nobody's wish any more.
    parts = (f"file:{RULES}", f"file:{SITES}/")
    yield Unit(UNIT, restart_on=(f"file:{places.unit(UNIT)}",), reload_on=parts)


def of_site(site: Site) -> File:
    block = Block(site.name, site.block.start, site.block.stop - 1)
    return file(places.rules(site), "nft/site.nft", block, mode=0o600)
