"""
One site: its user, folders, code, environment and units.
"""

from __future__ import annotations

import json

import pytest

from cinestream_ops.desired.units import slice_name
from cinestream_ops.spec import toml
from cinestream_ops.state import paths
from cinestream_ops.state.items import (
    Check,
    Directory,
    EnvFile,
    File,
    MongoIndexes,
    MongoUser,
    Release,
    Symlink,
    Trial,
    Unit,
    User,
    Venv,
)
from tests.desired.world import (
    DEPLOYED,
    MONGODB,
    OWN,
    of,
    wanted,
)


def test_a_site_owns_its_secrets_and_data_and_not_the_folder_that_they_are_in():
    _, site = wanted()

    folders = of(Directory, site)
    home = Directory("/var/www/blog", 0o750, "root", "blog", through="www-data")
    assert home == folders["/var/www/blog"]
    assert Directory("/var/www/blog/data", 0o700, "blog", "blog") == folders["/var/www/blog/data"]
    assert "root" == folders["/var/www/blog/venvs"].owner == folders["/var/www/blog/releases"].owner
    [env] = of(EnvFile, site).values()
    assert ("blog", "blog", 0o600) == (env.owner, env.group, env.mode)


def test_code_is_named_by_its_digest_and_linked():
    _, site = wanted()

    assert {"/var/www/blog/releases/1111111111111111"} == set(of(Release, site))
    assert {"/var/www/blog/venvs/2222222222222222"} == set(of(Venv, site))
    assert {
        "/var/www/blog/src": "releases/1111111111111111",
        "/var/www/blog/venv": "venvs/2222222222222222",
        "/etc/nginx/sites-enabled/blog.conf": "/etc/nginx/sites-available/blog.conf",
    } == {name: link.target for name, link in of(Symlink, site).items()}


def test_a_site_that_waits_for_its_code_starts_nothing():
    _, site = wanted({"port": 8001})

    assert not of(Unit, site)
    assert not of(Release, site)


def test_the_environment_tells_what_is_ours_and_makes_what_is_secret():
    _, site = wanted({**DEPLOYED, "env": {"LANG": "uk"}, "secrets": ["API_KEY"]})

    [env] = of(EnvFile, site).values()
    assert {"SITE": "blog", "MONGODB_DATABASE": "blog", "LANG": "uk"} == dict(env.plain)
    assert {"SECRET_KEY": "token", "MONGODB_URI": "mongodb-uri blog blog"} == dict(env.generated)
    assert ("API_KEY",) == env.secrets


@pytest.mark.parametrize(
    ("site", "server"), [({**DEPLOYED, "database": False}, MONGODB), (DEPLOYED, {})]
)
def test_without_a_database_nothing_speaks_of_one(site, server):
    _, made = wanted(site, server)

    [env] = of(EnvFile, made).values()
    assert {"SITE": "blog"} == dict(env.plain)
    assert {"SECRET_KEY": "token"} == dict(env.generated)
    assert not of(MongoUser, made)


def test_a_worker_for_each_port_starts_anew_with_what_it_is_made_of():
    _, site = wanted()

    units = of(Unit, site)
    assert ["blog.target", "blog@8001.service", "blog@8002.service"] == sorted(units)
    worker = units["blog@8001.service"]
    assert ("blog@8001.socket",) == worker.companions
    assert (
        "file:/etc/systemd/system/blog@.service",
        "env:/var/www/blog/.env",
        "symlink:/var/www/blog/src",
        "symlink:/var/www/blog/venv",
    ) == worker.restart_on


def test_a_site_of_ones_own_starts_anew_with_the_runner():
    _, site = wanted(OWN)

    assert f"symlink:{paths.RUNNER}" in of(Unit, site)["blog@8001.service"].restart_on


def test_a_site_of_ones_own_is_imported_before_anything_points_to_it():
    _, site = wanted(OWN)

    [check] = of(Check, site).values()
    assert "`shop:app` of `blog` can be imported" == check.what
    assert (
        "/var/www/blog/venvs/2222222222222222/bin/python", "-B",
        "/usr/lib/cinestream/runner/cinestream_worker/__main__.py", "--check", "--wsgi", "shop:app",
        "--source", "/var/www/blog/releases/1111111111111111", "--env-file", "/var/www/blog/.env",
    ) == check.argv  # fmt: skip
    assert "blog" == check.site


def test_it_is_imported_in_the_sandbox_of_a_worker_and_leaves_nothing():
    _, site = wanted(OWN)

    [check], [trial] = of(Check, site).values(), of(Trial, site).values()
    more = {"KillSignal=SIGKILL"}
    assert {"User=blog", "Group=blog", "NoNewPrivileges=yes"} <= set(check.properties)
    assert more == set(check.properties) - set(trial.properties)
    # It reads that by itself: systemd would, as root.
    assert {"EnvironmentFile=/var/www/blog/.env"} == set(trial.properties) - set(check.properties)


def test_the_bundled_sites_workers_reach_the_internet_only_once_they_have_a_key():
    unit = "/etc/systemd/system/blog@.service"
    _, without = wanted(DEPLOYED)
    _, given = wanted({**DEPLOYED, "secrets": ["ANTHROPIC_API_KEY"]})
    assert b"IPAddressDeny=any" in of(File, without)[unit].content
    assert b"IPAddressDeny" not in of(File, given)[unit].content


def test_the_bundled_site_needs_no_such_check():
    assert not of(Check, wanted()[1])


def test_static_files_are_linked_and_served():
    _, site = wanted({**DEPLOYED, "static": "showtimes/static"})

    assert "src/showtimes/static" == of(Symlink, site)["/var/www/blog/static"].target


def test_dashes_in_a_name_make_no_family_of_slices():
    assert "cinestream-my.shop.slice" == slice_name(toml.site("my-shop", {"port": 8001}))


def test_indexes_are_told_as_the_tree_tells_them():
    index = {"collection": "c", "keys": [["geo", "2dsphere"], ["t", -1]], "unique": True}
    _, site = wanted({**DEPLOYED, "indexes": [index]})

    [indexes] = of(MongoIndexes, site).values()
    assert [index] == [json.loads(each) for each in indexes.indexes]


def test_a_user_lives_where_its_site_does():
    assert User("blog", "/var/www/blog") in wanted()[1]


def test_what_may_be_built_is_known_where_it_is_built_and_changes_no_environment():
    _, plain = wanted()
    _, site = wanted({**DEPLOYED, "allow_source": ["b", "A"]})

    (before,), (after,) = (of(Venv, each).values() for each in (plain, site))
    assert ("a", "b") == after.sources
    assert (before.path, before.mark) == (after.path, after.mark)
