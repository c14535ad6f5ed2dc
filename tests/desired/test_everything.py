"""
All wants together: one address each, the same each time, and quick.
"""

from __future__ import annotations

import json

from cinestream_ops import desired
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.state import items
from cinestream_ops.state.facts import Machine
from cinestream_ops.state.items import (
    Unit,
)
from tests.desired.world import (
    DEPLOYED,
    OWN,
    SHIPPED,
    of,
    wanted,
)


def test_a_house_without_a_server_wants_nothing_of_the_server():
    house = House(None, {"blog": toml.site("blog", DEPLOYED)})

    assert () == desired.everything(house, Machine(), {}, SHIPPED)[""]


def test_the_same_house_wants_the_same():
    assert wanted() == wanted()


def test_no_two_things_have_one_address():
    own, site = wanted({**OWN, "domains": ["a.example"], "static": "public",
                        "refresh": {"program": "a.py", "calendar": "daily"}})  # fmt: skip

    keys = [item.key for item in (*own, *site)]

    assert len(set(keys)) == len(keys)


def test_everything_crosses_the_wire_and_comes_back():
    for item in (*wanted()[0], *wanted({**OWN, "domains": ["a.example"]})[1]):
        assert item == items.item(json.loads(json.dumps(items.words(item))), items.blobs(item))


def test_each_input_of_a_unit_is_something_that_is_wanted():
    own, site = wanted({**OWN, "refresh": {"program": "a.py", "calendar": "daily"}})
    keys = {item.key for item in (*own, *site)}

    inputs = {
        key
        for unit in of(Unit, (*own, *site)).values()
        for key in (*unit.restart_on, *unit.reload_on)
    }

    assert all(key in keys or any(each.startswith(key) for each in keys) for key in inputs)
