"""
Whom a site may call, as its owner writes it.
"""

from __future__ import annotations

import pytest

from cinestream_ops.errors import BadSpec
from cinestream_ops.spec import toml


def allowed(*peers: str):
    told = {"port": 8001, "workers": 1, "reserve": 1, "network": {"allow": list(peers)}}
    site = toml.site("blog", told)
    assert site.network
    return [(str(peer.network), peer.port) for peer in site.network.allow]


def test_addresses_and_networks_with_and_without_a_port():
    peers = [
        "203.0.113.7",
        "203.0.113.7:443",
        "10.0.0.0/8:5432",
        "2001:db8::/32",
        "[2001:db8::1]:443",
    ]

    assert [
        ("203.0.113.7/32", ""),
        ("203.0.113.7/32", "443"),
        ("10.0.0.0/8", "5432"),
        ("2001:db8::/32", ""),
        ("2001:db8::1/128", "443"),
    ] == allowed(*peers)


def test_nobody_may_be_meant_too():
    assert [] == allowed()


@pytest.mark.parametrize(
    ("peer", "told"),
    [
        ("api.example.com:443", "is a name, and where it leads changes without us"),
        ("10.0.0.1/8", "is an address inside of a network"),
        ("10.0.0.1:0", "has a port that does not exist"),
        ("10.0.0.1:65536", "has a port that does not exist"),
        ("10.0.0.1:", "is neither an address nor a network"),
        ("10.0.0.256", "is neither an address nor a network"),
        ("10.0.0.0/255.0.0.0", "is neither an address nor a network"),
        ("fe80::1%eth0", "is neither an address nor a network"),
        ("[::1]:80 ; accept", "is neither an address nor a network"),
        ("", "is neither an address nor a network"),
    ],
)
def test_whatever_else_is_refused_with_its_address(peer, told):
    with pytest.raises(BadSpec) as refused:
        allowed(peer)

    (fault,) = refused.value.faults
    assert "sites/blog/network/allow/0" == fault.where
    assert told in fault.what
