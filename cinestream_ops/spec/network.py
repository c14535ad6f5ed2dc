"""
Whom a site may call.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress

from pydantic import Field

from cinestream_ops.spec.model import Model, Row
from cinestream_ops.spec.words import NotAllowed, Word


class Opening(Word):
    """A port that may be connected to, with its protocol."""

    rule = re.compile(r"[1-9][0-9]{0,4}/(tcp|udp)", re.ASCII)
    refusal = "is no port with its protocol"
    hint = "write it as in `8443/tcp` or `51820/udp`"

    @classmethod
    def spelled(cls, text: str) -> str:
        if cls.rule.fullmatch(text) and int(text.partition("/")[0]) > 65535:
            raise NotAllowed("is a port that does not exist", "ports are 1 to 65535")
        return text

    @property
    def number(self) -> int:
        return int(self.partition("/")[0])

    @property
    def protocol(self) -> str:
        """`tcp` or `udp`."""
        return self.partition("/")[2]


class Peer(Word):
    """An address or a network, of IPv4 or IPv6, with a port if only that one is meant."""

    # An address of IPv6 stands in brackets where a port follows.
    rule = re.compile(
        r"(?P<v4>[0-9.]+(/[0-9]+)?)(:(?P<p4>[0-9]+))?|(?P<v6>[0-9a-f:.]+(/[0-9]+)?)"
        r"|\[(?P<boxed>[0-9a-f:.]+(/[0-9]+)?)\](:(?P<p6>[0-9]+))?",
        re.ASCII,
    )
    refusal = "is neither an address nor a network"
    hint = "write it as in `203.0.113.7:443`, `10.0.0.0/8` or `[2001:db8::/32]:443`"

    @classmethod
    def spelled(cls, text: str) -> str:
        if re.fullmatch(r"[\w*-]+(\.[\w-]+)+(:[0-9]+)?", text) and re.search("[A-Za-z]", text):
            why = "is a name, and where it leads changes without us"
            raise NotAllowed(why, f"{cls.hint}, for what is behind it")
        network, port = parts(text)
        loose = sound(network)
        if loose is None:
            raise NotAllowed(cls.refusal, cls.hint)
        if loose.network_address != ipaddress.ip_address(network.partition("/")[0]):
            raise NotAllowed("is an address inside of a network", f"write `{loose}` for all of it")
        if port and not 1 <= int(port) <= 65535:
            raise NotAllowed("has a port that does not exist", "ports are 1 to 65535")
        return text

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        return ipaddress.ip_network(parts(self)[0])

    @property
    def port(self) -> str:
        """Empty for all of them."""
        return parts(self)[1]


def parts(text: str) -> tuple[str, str]:
    """The network in *text* and the port behind it, if there is one; both empty for other text."""
    found = Peer.rule.fullmatch(text)
    if found is None:
        return "", ""
    network = found["v4"] or found["v6"] or found["boxed"]
    return network, found["p4"] or found["p6"] or ""


def sound(network: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The whole network that *network* lies in, as it is written; None if it is none."""
    with suppress(ValueError):
        return ipaddress.ip_network(network, strict=False)
    return None


class Network(Model):
    """Whom a site may call beside this server itself: those named, and nobody else."""

    allow: Row[Peer] = Field(
        description='addresses and networks as in `["203.0.113.7:443", "10.0.0.0/8"]`'
    )
