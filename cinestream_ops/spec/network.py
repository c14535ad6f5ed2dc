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


class Peer(Word):
    """An address or a network, of IPv4 or IPv6, with a port if only that one is meant."""

    rule = re.compile(r"[0-9a-f.:/]+|\[[0-9a-f.:/]+\](:[0-9]+)?", re.ASCII)
    refusal = "is neither an address nor a network"
    hint = "write it as in `203.0.113.7:443`, `10.0.0.0/8` or `[2001:db8::/32]:443`"

    @classmethod
    def spelled(cls, text: str) -> str:
        network, port = parts(text)
        with suppress(ValueError):
            ipaddress.ip_network(network, strict=False)
            refuse_odd(network, port)
            return text
        if re.fullmatch(r"[\w*-]+(\.[\w-]+)+", network, re.ASCII) and re.search("[a-z]", network):
            raise NotAllowed(
                "is a name, and where it leads changes without us",
                f"{cls.hint}, for what is behind it",
            )
        raise NotAllowed(cls.refusal, cls.hint)

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        return ipaddress.ip_network(parts(self)[0])

    @property
    def port(self) -> str:
        """Empty for all of them."""
        return parts(self)[1]


def parts(text: str) -> tuple[str, str]:
    """The network in *text* and the port behind it, if there is one."""
    if found := re.fullmatch(r"\[([^]]*)\](?::([0-9]+))?", text, re.ASCII):
        return found[1], found[2] or ""
    if text.count(":") == 1:
        network, _, port = text.partition(":")
        return network, port
    return text, ""


def refuse_odd(network: str, port: str) -> None:
    """Raise NotAllowed for what nobody means."""
    if port and not 1 <= int(port) <= 65535:
        raise NotAllowed("has a port that does not exist", "ports are 1 to 65535")
    loose = ipaddress.ip_network(network, strict=False)
    if str(loose.network_address) != str(ipaddress.ip_address(network.partition("/")[0])):
        raise NotAllowed("is an address inside of a network", f"write `{loose}` for all of it")


class Network(Model):
    """Whom a site may call beside this server itself: those named, and nobody else."""

    allow: Row[Peer] = Field(
        description='addresses and networks as in `["203.0.113.7:443", "10.0.0.0/8"]`'
    )
