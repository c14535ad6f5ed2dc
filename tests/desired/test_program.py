"""
A program that the owner runs by hand may do what a worker may, and no more.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cinestream_ops.desired.program import properties
from cinestream_ops.render.render import folder
from cinestream_ops.spec import toml
from tests.desired.world import DEPLOYED, OWN

SANDBOX = [
    line
    for line in (Path(folder("systemd")) / "_sandbox.j2").read_text().splitlines()
    if line and line[0] not in "{#"
]


@pytest.mark.parametrize("keys", [DEPLOYED, OWN], ids=["bundled", "own"])
def test_it_is_in_the_whole_sandbox_of_a_worker(keys):
    told = properties(toml.site("blog", keys))

    assert len(SANDBOX) > 20
    assert SANDBOX == [line for line in told if line in SANDBOX]


def test_it_is_the_sites_user_in_the_sites_home_with_its_environment():
    told = properties(toml.site("my-shop", OWN))

    assert {
        "User=my-shop",
        "Group=my-shop",
        "WorkingDirectory=/var/www/my-shop",
        "EnvironmentFile=/var/www/my-shop/.env",
        "ReadWritePaths=/var/www/my-shop/data",
        "Slice=cinestream-my.shop.slice",
    } < set(told)


def test_each_property_is_one_word_and_a_value():
    assert all("=" in line and line[0].isupper() for line in properties(toml.site("blog", OWN)))
