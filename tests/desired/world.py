"""
A server with MongoDB and a site `blog`, and what they want.
"""

from __future__ import annotations

from cinestream_ops import desired
from cinestream_ops.desired import Shipped
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.state.facts import Machine
from cinestream_ops.state.items import (
    Item,
)

RELEASE, REQUIREMENTS, ARCHIVE = "1" * 64, "2" * 64, "3" * 64
SHIPPED = Shipped(agent=b"agent", runner=b"runner", tools=b"tools")
MONGODB = {"mongodb": {"mode": "archive", "sha256": ARCHIVE}}
DEPLOYED = {"port": 8001, "workers": 2, "release": RELEASE, "requirements": REQUIREMENTS}
WITH_DOMAIN = {**DEPLOYED, "domains": [{"name": "a.example", "www": True}]}
OWN = {**DEPLOYED, "source": "/srv/shop", "wsgi": "shop:app"}


BOOKWORM = Machine(nginx="1.22.1")


def wanted(site=DEPLOYED, server=MONGODB, machine=BOOKWORM, certificates=None, name="blog"):
    """The items of the server and of a site."""
    house = House(toml.server(server), {name: toml.site(name, site)})
    made = desired.everything(house, machine, certificates or {}, SHIPPED)
    return made[""], made[name]


def of(kind: type[Item], made: tuple[Item, ...]) -> dict[str, Item]:
    return {item.name: item for item in made if isinstance(item, kind)}
