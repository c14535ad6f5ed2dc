"""
Many addresses for visitors of a lab, each in a network of its own.

nginx's `ip_hash` looks at the first three numbers of an address, so neighbours would all meet the
same worker.  RFC 2544 keeps these networks for trials: no traffic to them leaves this machine.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from cinestream_ops.lab import Lab
from cinestream_ops.lab.network import Network

ALL = "198.18.0.0/15"


@contextmanager
def opened(lab: Lab, count: int) -> Iterator[list[str]]:
    """*count* addresses, at most 250, that reach *lab* and that it answers."""
    network = Network(lab.name, int(lab.address.split(".")[2]))
    addresses = [f"198.18.{number}.{network.number}" for number in range(1, count + 1)]
    told(network, "add", addresses)
    try:
        yield addresses
    finally:
        told(network, "del", addresses)


def told(network: Network, verb: str, addresses: list[str]) -> None:
    lines = [f"address {verb} {address}/32 dev {network.link}" for address in addresses]
    ip(["-batch", "-"], "\n".join(lines))
    ip(["-n", network.namespace, "route", verb, ALL, "via", network.host])


def ip(words: list[str], feed: str = "") -> None:
    subprocess.run(["ip", *words], input=feed, text=True, check=True, timeout=30)
