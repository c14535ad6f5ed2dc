"""
What a server has now, all of it read by one look.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Tuple

from cinestream_ops.state import paths
from cinestream_ops.state.items import Absent, Fact, words

# The order that all of them answer; what must not be there is never ours, so it is named.
LOOK: Mapping[str, Any] = {"do": "look", "ask": [words(Absent(paths.NGINX_DEFAULT))]}


@dataclass(frozen=True)
class Owned:
    """What we put there: the item in words, and the fact as we left it."""

    words: Dict[str, Any]
    fact: Fact
    site: str = ""


@dataclass(frozen=True)
class Machine:
    """The server itself; memory and disk in bytes, `now` in seconds since the epoch."""

    os: str = "debian"
    version: str = "12"
    arch: str = "x86_64"
    cpus: int = 1
    memory: int = 0
    swap: int = 0
    disk_free: int = 0
    nginx: str = ""  # the installed version, as "1.22.1"; empty without nginx
    python: str = ""
    hostname: str = ""
    addresses: Tuple[str, ...] = ()
    avx: bool = True
    ipv6: bool = True  # whether the kernel has it
    now: float = 0.0


@dataclass(frozen=True)
class Facts:
    """The answer to one look."""

    machine: Machine
    specs: Mapping[str, str]  # "server.toml" and "sites/NAME.toml", with their text
    items: Mapping[str, Fact]  # by key; of what was asked for and what is owned
    owned: Mapping[str, Owned] = field(default_factory=dict)
    listeners: Tuple[int, ...] = ()  # TCP ports on which somebody listens
    certificates: Mapping[str, Dict[str, Any]] = field(default_factory=dict)  # by lineage
    recovered: Optional[Dict[str, Any]] = None  # the unfinished change that was undone just now
    # What removed sites have left that could not go yet: key, site, why, since.
    leftovers: Tuple[Dict[str, Any], ...] = ()
    busy: bool = False  # somebody is changing the server


def facts(told: Mapping[str, Any]) -> Facts:
    """The facts that the agent's answer tells of."""
    machine = {**told["machine"], "addresses": tuple(told["machine"].get("addresses", ()))}
    return Facts(
        machine=Machine(**machine),
        specs=told["specs"],
        items=told["items"],
        owned={key: Owned(**each) for key, each in told["owned"].items()},
        listeners=tuple(told["listeners"]),
        certificates=told["certificates"],
        recovered=told.get("recovered"),
        leftovers=tuple(told.get("leftovers", ())),
        busy=told.get("busy", False),
    )
