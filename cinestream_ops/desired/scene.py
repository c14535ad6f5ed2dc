"""
What every noun has to know of the server it will stand on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cinestream_ops.desired.features import Features, features
from cinestream_ops.spec.house import House
from cinestream_ops.spec.server import Server
from cinestream_ops.state.facts import Machine


@dataclass(frozen=True)
class Scene:
    """The server's spec, the machine, what its nginx can do, and the certificates it has."""

    server: Server
    machine: Machine
    nginx: Features
    certificates: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(
        cls, house: House, machine: Machine, certificates: Mapping[str, Mapping[str, Any]]
    ) -> Scene:
        server = house.server or Server.model_validate({})
        return cls(server, machine, features(machine), certificates)

    @property
    def has_databases(self) -> bool:
        return self.server.mongodb.mode != "none"
