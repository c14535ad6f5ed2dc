"""
A server with very many sites is planned for as one with a few.
"""

from __future__ import annotations

import pytest

from cinestream_ops import desired
from cinestream_ops.desired import Shipped
from cinestream_ops.plan import Plan, plan
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.spec.server import Server
from cinestream_ops.state.facts import Facts, Machine
from cinestream_ops.state.items import Gate
from tests.plan.world import told

SITES, BLOCK = 500, 40
FACTS = Facts(machine=Machine(nginx="1.22.1"), specs={}, items={})
SHIPPED = Shipped(agent=b"agent", tools=b"tools", runner=b"runner")


def house(count: int) -> House:
    one = {"release": "1" * 64, "requirements": "2" * 64, "reserve": BLOCK, "workers": 24}
    sites = {
        f"site{n}": toml.site(f"site{n}", {"port": 8001 + BLOCK * n, **one}) for n in range(count)
    }
    return House(server=Server(), sites=sites)


def planned(count: int, *only: str) -> Plan:
    return plan(
        desired.everything(house(count), FACTS.machine, {}, SHIPPED), FACTS, only=only or None
    )


@pytest.fixture(scope="module")
def one() -> Plan:
    return planned(SITES, "site0")


def test_a_change_of_one_site_is_the_same_among_many(one: Plan):
    assert told(planned(1, "site0").steps) == told(one.steps)
    assert {"site0", ""} >= {step.site for step in one.steps}


def test_a_change_of_one_site_asks_after_all_others_once(one: Plan):
    [gate] = [step.item for step in one.steps if isinstance(step.item, Gate)]

    assert SITES <= len(gate.probes) == len(set(gate.probes))


def test_all_of_them_are_planned_at_once_each_site_apart():
    plan = planned(SITES)

    assert {f"site{n}" for n in range(SITES)} <= {step.site for step in plan.steps}
    assert SITES * 24 == sum(
        step.key.startswith("unit:site") and "@" in step.key for step in plan.steps
    )
