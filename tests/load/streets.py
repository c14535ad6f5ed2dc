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
    network = network_of(lab)
    addresses = [f"198.18.{number}.{network.number}" for number in range(1, count + 1)]
    told(network, "add", addresses)
    try:
        yield addresses
    finally:
        told(network, "del", addresses)


@contextmanager
def remote(lab: Lab) -> Iterator[tuple[str, str]]:
    """
    A network namespace that sees *lab* alone, and the address at which that answers it.

    Other labs come and go, and a browser drops what it is at when its machine's networks change.
    """
    network = network_of(lab)
    space, link, address = f"remote-{lab.name}", f"remote{network.number}", "198.19.0.2"
    ip(["netns", "add", space])
    try:
        peer = ["peer", "name", link, "netns", network.namespace]
        ip(["link", "add", "remote0", "netns", space, "type", "veth", *peer])
        # An address that the kernel gives by itself comes late, and is a change.
        up = "link set remote0 addrgenmode none\nlink set remote0 up\nlink set lo up"
        ip(["-n", space, "-batch", "-"], f"address add 198.19.0.1/30 dev remote0\n{up}")
        up = f"link set {link} up"
        ip(["-n", network.namespace, "-batch", "-"], f"address add {address}/30 dev {link}\n{up}")
        yield space, address
    finally:
        ip(["netns", "delete", space])


def network_of(lab: Lab) -> Network:
    return Network(lab.name, int(lab.address.split(".")[2]))


def told(network: Network, verb: str, addresses: list[str]) -> None:
    lines = [f"address {verb} {address}/32 dev {network.link}" for address in addresses]
    ip(["-batch", "-"], "\n".join(lines))
    ip(["-n", network.namespace, "route", verb, ALL, "via", network.host])


def ip(words: list[str], feed: str = "") -> None:
    subprocess.run(["ip", *words], input=feed, text=True, check=True, timeout=30)
