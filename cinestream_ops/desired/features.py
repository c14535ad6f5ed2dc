"""
What the nginx on a server can do, by its version, and by what the kernel has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cinestream_ops.state.facts import Machine

# What apt will install where there is none yet, so that the first plan is also the last.
OFFERED = {
    ("debian", "11"): "1.18.0",
    ("debian", "12"): "1.22.1",
    ("debian", "13"): "1.26.3",
    ("ubuntu", "20.04"): "1.18.0",
    ("ubuntu", "22.04"): "1.18.0",
    ("ubuntu", "24.04"): "1.24.0",
}
# Every later one understands what this one does.
OLDEST = "1.18.0"


@dataclass(frozen=True)
class Features:
    """Source: nginx.org/en/CHANGES, by the version that brought each."""

    h2_listen: bool
    h2_directive: bool
    reject_handshake: bool
    sticky: bool
    ipv6: bool


def features(machine: Machine) -> Features:
    version = number(machine.nginx or OFFERED.get((machine.os, machine.version), OLDEST))
    return Features(
        h2_listen=version < (1, 25, 1),
        h2_directive=version >= (1, 25, 1),
        reject_handshake=version >= (1, 19, 4),
        sticky=version >= (1, 29, 6),
        ipv6=machine.ipv6,
    )


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
