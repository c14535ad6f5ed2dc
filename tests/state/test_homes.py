"""
What leads into the home of a site leads into another one, and nothing else does.
"""

from __future__ import annotations

import pytest

from cinestream_ops.state.homes import moved


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("A=/var/www/shop", "A=/var/www/till"),
        ("A=/var/www/shop/", "A=/var/www/till/"),
        ("A=sqlite:////var/www/shop/data/x.db", "A=sqlite:////var/www/till/data/x.db"),
        ('A="file:/var/www/shop/data/x?mode=ro"', 'A="file:/var/www/till/data/x?mode=ro"'),
        ('A={"a": "/var/www/shop"}', 'A={"a": "/var/www/till"}'),
        ("A=/var/www/shop/data:/var/www/shop/src", "A=/var/www/till/data:/var/www/till/src"),
        ("A=/var/www/shop2/data", "A=/var/www/shop2/data"),
        ("A=/var/www/shop-b/data", "A=/var/www/shop-b/data"),
        ("A=/var/www/shop.old", "A=/var/www/shop.old"),
        ("A=/var/www/other/shop", "A=/var/www/other/shop"),
        ("A=https://shop/", "A=https://shop/"),
    ],
)
def test_a_home_is_moved_wherever_it_is_named(text, there):
    assert there == moved(text, "shop", "till")
