"""
What was there before us is told, all of it at once, and never replaced.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from cinestream_ops.plan import plan
from cinestream_ops.state.facts import Owned
from cinestream_ops.state.items import Directory, words
from tests.plan.test_plan import BARE, site
from tests.plan.world import played

HOME = "directory:/var/www/blog"
CONF = "file:/etc/nginx/sites-available/blog.conf"
LINK = "symlink:/etc/nginx/sites-enabled/blog.conf"
THEIRS = {"mode": 0o755, "owner": "root", "group": "root"}
MADE = "was not made by cinestream"


def strangers(facts, arrived=()):
    return plan({"": (), "blog": site()}, facts, arrived=arrived).strangers


def there(**facts):
    return replace(BARE, items={**BARE.items, **facts})


def test_on_a_bare_server_nothing_is_in_the_way():
    assert () == strangers(BARE)


def test_all_of_it_is_told_at_once():
    found = there(**{
        CONF: {**THEIRS, "digest": "theirs"},
        LINK: {"other": "file"},
        HOME: THEIRS,
        "user:blog": {"home": "/home/blog"},
    })  # fmt: skip

    assert {
        f"`/etc/nginx/sites-available/blog.conf` is there already, and {MADE}",
        f"`/etc/nginx/sites-enabled/blog.conf` is a file, and {MADE}",
        f"`/var/www/blog` is there already, and {MADE}",
        "the account `blog` is there already, with its home at `/home/blog`",
    } == set(strangers(found))


@pytest.mark.parametrize("key", [CONF, LINK, HOME])
def test_what_is_ours_is_not_in_the_way(key):
    [item] = [each for each in site() if each.key == key]
    found = there(**{key: {"other": "file"}})
    ours = replace(found, owned={key: Owned(words(item), None, "blog")})

    assert () == strangers(ours)


def test_what_a_removed_site_has_left_can_be_taken_up_again():
    was = played(plan({"": (), "blog": site()}, BARE), BARE)
    kept = played(plan({"": ()}, was), was)
    env = "env:/var/www/blog/.env"
    changed = replace(kept, items={**kept.items, env: {"mode": 0o600, "plain": {}}})

    assert HOME not in changed.owned
    assert () == strangers(changed)


def test_what_a_removed_site_has_left_is_known_without_its_account():
    [home] = [each for each in site() if each.key == HOME]

    assert () == strangers(there(**{HOME: {**home.mark, "group": "997"}}))


def test_a_home_of_the_owners_is_told_once_and_not_all_that_is_in_it():
    env = {"mode": 0o644, "owner": "root", "group": "root", "plain": {}, "hidden": []}
    data = {"directory:/var/www/blog/data": THEIRS, "env:/var/www/blog/.env": env}

    assert (f"`/var/www/blog` is there already, and {MADE}",) == strangers(
        there(**{HOME: THEIRS}, **data)
    )


def test_what_was_put_there_for_the_site_is_its_own():
    assert () == strangers(there(**{HOME: THEIRS}), arrived={"blog"})
    assert strangers(there(**{CONF: THEIRS}), arrived={"blog"})


def test_a_place_behind_a_link_is_told_as_such():
    found = there(**{HOME: {"other": "place behind a link"}})

    assert ("`/var/www/blog` lies behind a link that somebody else made",) == strangers(found)


def test_another_folder_of_other_rights_is_told_with_what_it_has_to_be():
    folder = Directory("/var/www")
    found = there(**{folder.key: {"mode": 0o775, "owner": "www-data", "group": "www-data"}})

    assert ("`/var/www` is `www-data:www-data 0775`, and has to be `root:root 0755`",) == plan(
        {"": (folder,)}, found
    ).strangers
