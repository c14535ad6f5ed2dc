"""
Specs of another version: an earlier one's are brought up to date, a later one's are refused.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinestream_ops import __version__
from cinestream_ops.errors import BadSpec, OpsError
from cinestream_ops.spec import toml
from cinestream_ops.spec.migrations import OURS, refuse_newer
from cinestream_ops.spec.version import Version
from cinestream_ops.spec.words import NotAllowed

NEWER = 'cinestream = "9.0.0"\nfuture = true\n'


def processes_became_workers(tables):
    """In 0.2.0, `processes` got another name."""
    return {
        where: {("workers" if key == "processes" else key): each for key, each in table.items()}
        for where, table in tables.items()
    }


def workers_became_more(tables):
    """In 0.3.0, a worker does half of what it did."""
    return {
        where: {**table, "workers": 2 * table["workers"]} if "workers" in table else table
        for where, table in tables.items()
    }


MIGRATIONS = (
    (Version("0.2.0"), processes_became_workers),
    (Version("0.3.0"), workers_became_more),
)


def workers(version: str, key: str) -> int:
    """How many the site has whose specs *version* wrote."""
    server = f'cinestream = "{version}"' if version else ""
    specs = {"server.toml": server, "sites/blog.toml": f"port = 8001\n{key} = 3"}
    return toml.load(specs, migrating=MIGRATIONS).sites["blog"].workers


@pytest.mark.parametrize(
    ("version", "key", "expected"),
    [
        ("", "processes", 6),
        ("0.0.9", "processes", 6),
        ("0.1.0", "processes", 6),
    ],
)
def test_specs_go_through_each_migration_since_their_version(version, key, expected):
    assert expected == workers(version, key)


def test_specs_are_spared_the_migrations_of_versions_they_have_seen():
    earlier = ((Version("0.0.5"), workers_became_more),)
    specs = {"server.toml": f'cinestream = "{OURS}"', "sites/blog.toml": "port = 8001\nworkers = 3"}

    assert 3 == toml.load(specs, migrating=earlier).sites["blog"].workers


def test_a_fault_is_told_of_what_came_out_of_the_migrations():
    with pytest.raises(BadSpec, match="sites/blog/workers: `0` is less than 1"):
        toml.load({"sites/blog.toml": "port = 8001\nprocesses = 0"}, migrating=MIGRATIONS)


def test_a_server_without_a_version_is_read():
    server = toml.load({"server.toml": 'email = "o@example.com"'}).server

    assert ("", "o@example.com") == (server.cinestream, server.email)


def test_a_later_versions_specs_are_refused_before_anything_in_them_is_a_mistake():
    with pytest.raises(OpsError) as caught:
        toml.load({"server.toml": NEWER, "sites/blog.toml": "future = 1", "sites/b.toml": "= ="})

    assert OpsError is type(caught.value)
    told = f"this server was last changed by cinestream 9.0.0, and this is {__version__}"
    assert told == str(caught.value)
    assert caught.value.hint.startswith("install that version or a newer one: ")


def test_a_version_by_hand_that_is_none_is_told_as_a_fault():
    with pytest.raises(BadSpec, match="server/cinestream: `soon` is not a version of cinestream"):
        toml.load({"server.toml": 'cinestream = "soon"'})


def test_a_version_that_is_no_text_is_told_as_a_fault():
    with pytest.raises(BadSpec, match="server/cinestream: `9` is not text"):
        toml.load({"server.toml": "cinestream = 9"})


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "1.2.3.4", "v1.2.3", "1.2.3-rc1", "1.2.x", "٣.1.1"]
)
def test_what_is_no_version_is_refused(text):
    with pytest.raises(NotAllowed):
        Version(text)


def test_versions_sort_by_number_and_trials_come_before_their_release():
    shuffled = [
        "1.0.0",
        "1.0.0rc10",
        "0.10.0",
        "1.0.0b1",
        "1.0.1a1",
        "1.0.0rc2",
        "0.9.0",
        "1.0.0a1",
    ]

    ordered = sorted(shuffled, key=lambda text: Version(text).order)

    expected = [
        "0.9.0",
        "0.10.0",
        "1.0.0a1",
        "1.0.0b1",
        "1.0.0rc2",
        "1.0.0rc10",
        "1.0.0",
        "1.0.1a1",
    ]
    assert expected == ordered


numbers = st.integers(0, 999)


@given(st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers, numbers))
def test_only_a_later_version_is_refused(theirs, ours):
    def refused() -> bool:
        tables = {"server": {"cinestream": ".".join(map(str, theirs))}}
        try:
            refuse_newer(tables, Version(".".join(map(str, ours))))
        except OpsError:
            return True
        return False

    assert (theirs > ours) == refused()
