"""
A network of two: the host's end, and the server in a namespace of its own.

There is no default route: the server reaches the host's end, and nothing else.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from cinestream_ops.lab import commands
from cinestream_ops.lab.faults import NoFreeNetwork

PREFIX = "cinestream-lab-"
# What the server calls the host's end: its disk can begin another lab, whose addresses are others.
HOST_NAME = "host.lab.internal"
NUMBERS = range(1, 255)
OURS = re.compile(r"10\.77\.(\d+)\.")


@dataclass(frozen=True)
class Network:
    """10.77.*number*.0/24, for the lab *name*."""

    name: str
    number: int

    @property
    def host(self) -> str:
        return f"10.77.{self.number}.1"

    @property
    def server(self) -> str:
        return f"10.77.{self.number}.2"

    @property
    def namespace(self) -> str:
        return f"{PREFIX}{self.name}"

    @property
    def link(self) -> str:
        """The host's end; Linux allows such a name 15 characters."""
        return f"cinelab{self.number}"


def free(taken: Iterable[int]) -> int:
    """A number that is neither *taken* nor in use on this machine.  Raises `NoFreeNetwork`."""
    used = {*taken, *in_use()}
    for number in NUMBERS:
        if number not in used:
            return number
    raise NoFreeNetwork


def in_use() -> set[int]:
    links = json.loads(commands.output("ip", "-json", "-4", "address") or "[]")
    addresses = (info["local"] for link in links for info in link.get("addr_info", ()))
    return {int(found.group(1)) for address in addresses if (found := OURS.match(address))}


def make(network: Network) -> None:
    link, namespace = network.link, network.namespace
    batch(
        f"netns add {namespace}",
        f"link add {link} type veth peer name host0 netns {namespace}",
        f"address add {network.host}/24 dev {link}",
        f"link set {link} up",
    )
    batch(
        f"address add {network.server}/24 dev host0",
        "link set host0 up",
        "link set lo up",
        namespace=namespace,
    )


def batch(*lines: str, namespace: str = "") -> None:
    where = ("-n", namespace) if namespace else ()
    commands.output("ip", *where, "-batch", "-", feed="\n".join(lines))


def remove(network: Network) -> None:
    """Remove what there is of it; both ends of the link go with either."""
    for argv in (("link", "delete", network.link), ("netns", "delete", network.namespace)):
        subprocess.run(("ip", *argv), capture_output=True, check=False, timeout=30)


def names() -> set[str]:
    """The labs that have a namespace, known by their homes or not."""
    spaces = (line.split()[0] for line in commands.output("ip", "netns", "list").splitlines())
    return {space.removeprefix(PREFIX) for space in spaces if space.startswith(PREFIX)}
