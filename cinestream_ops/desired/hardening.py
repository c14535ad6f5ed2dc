"""
What makes the server itself harder to get into: each is a switch of `setup`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cinestream_ops.desired import firewall
from cinestream_ops.desired.scene import Scene
from cinestream_ops.desired.texts import file
from cinestream_ops.render import render
from cinestream_ops.spec.network import Opening
from cinestream_ops.spec.server import Hardening
from cinestream_ops.state.items import Item, Sshd, Table

# Before those of clouds, which let passwords in: sshd goes by what it reads first.
DROP_IN = "/etc/ssh/sshd_config.d/00-cinestream.conf"
# CIS Benchmarks: "MaxAuthTries 4 or less".  Each key that an agent offers is a try.
TRIES = 4


@dataclass(frozen=True)
class Inbound:
    logins: tuple[int, ...]
    ports: tuple[Opening, ...]


@dataclass(frozen=True)
class Login:
    tries: int = TRIES


def of_server(scene: Scene) -> Iterator[Item]:
    asked = scene.server.hardening
    if asked and asked.sshd:
        yield sshd()
    if asked and asked.inbound:
        yield from inbound(asked)


def inbound(asked: Hardening) -> Iterator[Item]:
    """Who may connect; a table of its own, which goes when this is not wanted any more."""
    context = Inbound(asked.logins, asked.open)
    yield file(firewall.INBOUND, "nft/inbound.nft", context, mode=0o600)
    yield Table("inet cinestream_inbound", firewall.INBOUND, firewall.UNIT)


def sshd() -> Sshd:
    settings = {
        "kbdinteractiveauthentication": "no",
        "maxauthtries": str(TRIES),
        "passwordauthentication": "no",
        "x11forwarding": "no",
    }
    content = render("ssh/cinestream.conf", Login())
    return Sshd(DROP_IN, content.encode(), tuple(settings.items()))
