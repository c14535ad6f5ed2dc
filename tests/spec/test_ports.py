"""
Which ports a site may have.
"""

from __future__ import annotations

import pytest

from cinestream_ops.errors import BadSpec, OpsError
from cinestream_ops.spec import ports, toml
from cinestream_ops.spec.house import House


def house(**blocks: tuple[int, int]) -> House:
    built = House()
    for name, (port, reserve) in blocks.items():
        built = built.with_site(toml.site(name, {"port": port, "reserve": reserve, "workers": 3}))
    return built


def test_the_first_site_begins_at_8001():
    assert 8001 == ports.next_port(House(), [], 24)


def test_the_next_site_begins_a_block_higher():
    assert 8101 == ports.next_port(house(a=(8001, 100)), [], 24)


def test_a_gap_that_a_site_left_is_used_again():
    assert 8101 == ports.next_port(house(a=(8001, 100), b=(8201, 100)), [], 24)


def test_a_large_block_is_passed_over_whole():
    assert 8501 == ports.next_port(house(a=(8001, 450)), [], 24)


def test_a_large_site_gets_whole_hundreds():
    assert 8301 == ports.next_port(house(a=(8001, 100), b=(8201, 100)), [], 150)
    assert 200 == ports.reserve(150)


def test_ports_that_somebody_listens_on_are_passed_over():
    assert 8101 == ports.next_port(House(), [8010], 24)


def test_a_listener_beyond_the_workers_keeps_its_port():
    """It would not be reached any more on this machine."""
    assert 8101 == ports.next_port(House(), [8080], 24)


def test_where_no_hundred_is_left_a_site_gets_what_its_workers_need_from_what_others_leave():
    full = house(**{f"s{n}": (8001 + 100 * n, 100 if n else 40) for n in range(247)})
    full = full.with_site(toml.site("s99x", {"port": 8041, "reserve": 30, "workers": 30}))

    assert range(8071, 8095) == ports.next_block(full, [], 24)
    assert range(32701, 32767) == ports.next_block(full, [], 66)


def test_a_full_server_is_told():
    with pytest.raises(OpsError, match="no block of 1000 free ports is left"):
        ports.next_port(House(), range(8001, 32768), 1000)


def test_a_named_port_that_is_in_use_is_refused_with_a_free_one():
    site = toml.site("blog", {"port": 8001})

    with pytest.raises(BadSpec, match="sites/blog/port: port 8005 is in use") as caught:
        ports.refuse_taken(site, House(), [8005])

    assert "8101" in caught.value.faults[0].hint


def test_ports_of_our_own_workers_are_not_in_the_way():
    before = house(blog=(8001, 100))

    ports.refuse_taken(before.sites["blog"], before, before.sites["blog"].ports)


def test_a_site_that_clashes_does_not_come_in():
    with pytest.raises(BadSpec, match="overlap"):
        house(a=(8001, 100), b=(8050, 100))


def test_a_site_can_be_put_in_again_in_another_shape():
    before = house(a=(8001, 100))

    after = before.with_site(toml.edited(before.sites["a"], {"workers": 50}))

    assert 50 == after.sites["a"].workers
    assert {} == after.without_site("a").sites
