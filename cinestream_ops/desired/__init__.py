"""
Everything a server should have because of its specs.

Nothing here may touch a disk, a clock, a network, the environment or randomness; templates are
read by `render`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cinestream_ops.desired import server, site
from cinestream_ops.desired.scene import Scene
from cinestream_ops.desired.shipped import Shipped
from cinestream_ops.spec.house import House
from cinestream_ops.state.facts import Machine
from cinestream_ops.state.items import Item

__all__ = ["Scene", "Shipped", "everything"]


def everything(
    house: House,
    machine: Machine,
    certificates: Mapping[str, Mapping[str, Any]],
    shipped: Shipped,
) -> Mapping[str, tuple[Item, ...]]:
    """
    The items of the server under "", and those of each site under its name.

    *certificates* are the facts about those that are there, by lineage.  A house without a server
    wants nothing of the server itself.
    """
    scene = Scene.of(house, machine, certificates)
    own = tuple(server.items(scene, shipped)) if house.server else ()
    return {
        "": own,
        **{name: tuple(site.items(each, scene)) for name, each in sorted(house.sites.items())},
    }
