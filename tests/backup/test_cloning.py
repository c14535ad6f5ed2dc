"""
Which site comes out of a clone, and which one of another name.
"""

from __future__ import annotations

from typing import Any

import pytest

from cinestream_ops.engine import cloning, renaming
from cinestream_ops.engine.looking import Found
from cinestream_ops.errors import OpsError
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.spec.site import Site
from cinestream_ops.state.facts import Facts, Machine

DIGEST = "0" * 64
PAST = {"release": "1" * 64, "requirements": DIGEST, "source": "/srv/shop", "wsgi": "shop:app"}
SHOP = toml.site(
    "shop",
    {
        "port": 8001,
        "workers": 3,
        "source": "/srv/shop",
        "wsgi": "shop:app",
        "release": DIGEST,
        "requirements": DIGEST,
        "deployed": "2026-01-01T00:00:00Z",
        "past": [PAST],
        "stopped": True,
        "maintenance": {"message": "Back soon"},
        "domains": ["shop.example"],
        "env": {"LANG": "en"},
        "secrets": ["API_KEY"],
        "hooks": {"pre": "migrate.py"},
        "refresh": {"program": "refresh.py", "calendar": "daily"},
        "memory": 100,
    },
)
NOW = "2026-02-02T00:00:00Z"
MONGODB = {"mode": "archive", "sha256": DIGEST, "url": "https://mongodb.example/archive.tgz"}


def found(*sites: Site, listeners: tuple[int, ...] = (), mongodb: Any = MONGODB) -> Found:
    house = House(toml.server({"mongodb": mongodb}))
    for site in sites:
        house = house.with_site(site)
    return Found(house, Facts(Machine(), {}, {}, listeners=listeners))


def clone(was: Site = SHOP, name: str = "stage", **asked: Any) -> Site:
    return cloning.site_of(was, found(was), name, {"domains": [], **asked}, NOW)


def rename(was: Site = SHOP, name: str = "store", server: Found | None = None) -> Site:
    return renaming.site_of(was, server or found(was), name)


def test_a_clone_has_what_the_first_was_asked_to_have():
    site = clone()

    for key in ("workers", "source", "release", "env", "secrets", "hooks", "refresh", "memory"):
        assert getattr(SHOP, key) == getattr(site, key)


def test_a_clone_begins_its_own_life():
    site = clone()

    assert ((), False, None, (), NOW) == (
        site.past, site.stopped, site.maintenance, site.domains, site.deployed,
    )  # fmt: skip
    assert 8101 == site.port


def test_a_clone_gets_what_is_asked_for():
    site = clone(domains=["stage.example"], workers=150)

    assert (("stage.example",), 150, 200) == (site.names, site.workers, site.reserve)


def test_a_clone_has_a_database_of_its_own_name():
    was = toml.edited(SHOP, {"database": "old"})

    assert "stage" == clone(was).database_name
    assert not clone(toml.edited(SHOP, {"database": False})).database


def test_ports_on_which_somebody_listens_are_passed_over():
    server = found(SHOP, listeners=(8102,))

    assert 8201 == cloning.site_of(SHOP, server, "stage", {"domains": []}, NOW).port


def test_a_name_that_is_taken_is_refused():
    with pytest.raises(OpsError, match="there is a site `shop` already"):
        clone(name="shop")
    with pytest.raises(OpsError, match="`shop` is its name already"):
        rename(name="shop")
    with pytest.raises(OpsError, match="`blog` is the name of another site"):
        rename(name="blog", server=found(SHOP, toml.site("blog", {"port": 8101})))


def test_a_site_of_another_name_is_the_same_on_other_ports():
    site = rename()

    for key in ("workers", "domains", "release", "deployed", "stopped", "maintenance", "secrets"):
        assert getattr(SHOP, key) == getattr(site, key)
    assert (8101, ()) == (site.port, site.past)


def test_its_database_is_called_as_before():
    site = rename()

    assert ("shop", "shop") == (site.database, site.database_name)
    assert site.database_name == rename(site, "third").database_name


def test_a_site_that_gets_its_first_name_back_says_no_more_of_its_database():
    assert rename(rename(), "shop").database is True


def test_a_site_without_a_database_gets_none():
    assert rename(toml.edited(SHOP, {"database": False})).database is False
    assert rename(server=found(SHOP, mongodb={"mode": "none"})).database is True
