"""
What a site remembers of its earlier releases.
"""

from __future__ import annotations

from cinestream_ops.spec import succession, toml

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
NOON, ONE, TWO = (f"2026-01-31T1{hour}:00:00Z" for hour in (2, 3, 4))
SITE = toml.site(
    "shop",
    {
        "port": 8001, "source": "/src", "wsgi": "a:b", "release": A, "requirements": C,
        "deployed": NOON, "static": "old/static",
    },
)  # fmt: skip


def after(site, release, moment, **more):
    keys = {"release": release, "requirements": C, "wsgi": "a:b", "source": "/src", **more}
    return toml.edited(site, succession.succeeded(site, keys, moment))


def test_the_release_that_leaves_is_the_first_to_go_back_to():
    site = after(SITE, B, ONE)

    assert (B, ONE) == (site.release, site.deployed)
    assert [(A, NOON)] == [(past.release, past.deployed) for past in site.past]


def test_going_back_and_forth_keeps_both_once():
    there_and_back = after(after(SITE, B, ONE), A, TWO)

    assert (A, [B]) == (there_and_back.release, [each.release for each in there_and_back.past])


def test_the_same_release_again_changes_nothing():
    assert after(SITE, A, ONE) == SITE


def test_only_as_many_stay_as_are_kept():
    site = toml.edited(SITE, {"keep": 1})

    found = after(after(site, B, ONE), C, TWO)

    assert [B] == [past.release for past in found.past]


def test_a_source_that_tells_of_itself_tells_all():
    silent, tells = after(SITE, B, ONE), after(SITE, B, ONE, caches=[cache()])

    assert "old/static" == silent.static
    assert ("", "/") == (tells.static, tells.caches[0].path)


def cache():
    return {"path": "/", "unless_cookie": "session"}


def test_an_earlier_release_is_found_by_the_beginning_of_its_name():
    site = after(after(SITE, B, ONE), C, TWO)

    names = [succession.found(site, name) for name in ("", "a", "ab")]
    assert [B, A, None] == [past and past.release for past in names]
