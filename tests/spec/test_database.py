"""
What a site's database is called, and that it belongs to one site.
"""

from __future__ import annotations

import pytest

from cinestream_ops.errors import BadSpec
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House


def told(error: BadSpec) -> str:
    return "\n".join(map(str, error.faults))


@pytest.mark.parametrize(("asked", "name"), [(True, "blog"), (False, ""), ("diary", "diary")])
def test_a_database_is_called_as_the_site_unless_it_has_a_name(asked, name):
    assert name == toml.site("blog", {"port": 8001, "database": asked}).database_name


def test_its_name_is_written_as_it_was_read():
    site = toml.site("blog", {"port": 8001, "database": "diary"})

    assert 'database = "diary"' in toml.dump_site(site)
    assert site == toml.load({"sites/blog.toml": toml.dump_site(site)}).sites["blog"]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (1, "sites/blog/database: `1` is neither true, false nor the name of a database"),
        ("Up", "sites/blog/database: `Up` is not the name of a database"),
        ("admin", "sites/blog/database: `admin` is not free to be a site name"),
    ],
)
def test_what_is_no_name_is_told(asked, why):
    with pytest.raises(BadSpec) as caught:
        toml.site("blog", {"port": 8001, "database": asked})

    assert why == told(caught.value)


def test_a_database_belongs_to_one_site():
    house = House().with_site(toml.site("blog", {"port": 8001, "database": "diary"}))

    with pytest.raises(BadSpec) as caught:
        house.with_site(toml.site("diary", {"port": 8101}))

    assert "sites/diary: the MongoDB database `diary` is that of `blog` already" == told(
        caught.value
    )
    house.with_site(toml.site("diary", {"port": 8101, "database": False}))


def test_the_ways_to_a_named_database_are_the_owners_no_more_than_to_another():
    with pytest.raises(BadSpec, match="MONGODB_URI"):
        toml.site("blog", {"port": 8001, "database": "diary", "secrets": ["MONGODB_URI"]})
