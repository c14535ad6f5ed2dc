"""
Blocks of ports for sites whose tables name none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from cinestream_ops.errors import BadSpec
from cinestream_ops.spec import ports, toml
from cinestream_ops.spec.house import House

WORKERS = 24  # where a table says nothing, or what makes no sense

Block = Mapping[str, int]


def placed(tables: Mapping[str, Any], house: House, listeners: Collection[int]) -> dict[str, Block]:
    """For each of *tables* that names no port: the block that its site has, or may have."""
    sites = {name: table for name, table in tables.items() if isinstance(table, dict)}
    for name, table in sites.items():
        if "port" in table:
            house = taken(house, name, {key: table[key] for key in KEYS if key in table})
    found: dict[str, Block] = {}
    for name, table in sites.items():
        if "port" not in table:
            found[name] = block(house, name, table, listeners)
            house = taken(house, name, found[name])
    return found


KEYS = ("port", "reserve")


def block(house: House, name: str, table: Mapping[str, Any], listeners: Collection[int]) -> Block:
    if there := house.sites.get(name):
        return {key: getattr(there, key) for key in KEYS if key not in table}
    asked = table.get("workers", WORKERS)
    workers = asked if isinstance(asked, int) and 0 < asked <= 1000 else WORKERS
    free = ports.next_block(house, listeners, workers)
    reserve = {} if "reserve" in table else {"reserve": len(free)}
    return {"port": free.start, **reserve}


def taken(house: House, name: str, keys: Mapping[str, Any]) -> House:
    """*house* with the block of *keys* taken; as it is where they are no block."""
    try:
        site = toml.site(name, {**keys, "workers": 1})
    except BadSpec:
        return house
    return House(house.server, {**house.sites, name: site})
