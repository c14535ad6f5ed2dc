"""
A site that its owner keeps visitors from: stopped, or in maintenance.
"""

from __future__ import annotations

import pytest

from cinestream_ops.state.items import Certificate, File, Symlink, Unit
from tests.desired.world import DEPLOYED, WITH_DOMAIN, of, wanted

PAGE = "/etc/nginx/cinestream/blog.html"
CONF = "/etc/nginx/sites-available/blog.conf"
FOR_OUTSIDE = "if ($cinestream_outside) {\n            return 503;"
FOR_ALL = "location / {\n        return 503;"
STOPPED = {**DEPLOYED, "stopped": True, "refresh": {"program": "job.py", "calendar": "daily"}}
NAMED = {**WITH_DOMAIN, "maintenance": {}, "static": "public"}
THERE = {"a.example": {"names": ["a.example", "www.a.example"]}}


def text(site, path: str) -> str:
    return of(File, site)[path].content.decode()


def test_a_stopped_site_has_its_unit_files_and_runs_none_of_them():
    _, runs = wanted({**STOPPED, "stopped": False})
    _, site = wanted(STOPPED)

    assert not of(Unit, site)
    assert {*of(File, runs), PAGE} == set(of(File, site))
    assert of(Symlink, runs) == of(Symlink, site)


def test_a_site_in_maintenance_runs_as_before():
    _, runs = wanted()
    _, site = wanted({**DEPLOYED, "maintenance": {}})

    assert of(Unit, runs) == of(Unit, site)


def test_a_site_that_is_there_for_everybody_has_no_page():
    _, site = wanted()

    assert PAGE not in of(File, site)
    assert "503;" not in text(site, CONF)


def test_maintenance_keeps_out_who_comes_from_outside_and_a_stop_everybody():
    _, away = wanted({**DEPLOYED, "maintenance": {}})
    _, stopped = wanted({**STOPPED, "maintenance": {}})

    assert (True, False) == (FOR_OUTSIDE in text(away, CONF), FOR_ALL in text(away, CONF))
    assert (False, True) == (FOR_OUTSIDE in text(stopped, CONF), FOR_ALL in text(stopped, CONF))


@pytest.mark.parametrize("certificates", [{}, THERE])
def test_a_domain_shows_the_page_before_and_after_it_has_its_certificate(certificates):
    _, site = wanted(NAMED, certificates=certificates)

    [certificate] = of(Certificate, site).values()
    now = text(site, "/etc/nginx/cinestream/blog/a.example.conf")
    # Of static files, and of all else.
    assert 2 == now.count(FOR_OUTSIDE) == certificate.conf.decode().count(FOR_OUTSIDE)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"maintenance": {}}, "This site is being worked on, and will be back soon."),
        ({"stopped": True}, "This site is stopped at the moment."),
        ({"stopped": True, "maintenance": {}}, "This site is stopped at the moment."),
        ({"stopped": True, "maintenance": {"message": "Moved"}}, "Moved"),
        ({"maintenance": {"message": "1 < 2 & 'so'"}}, "1 &lt; 2 &amp; &#39;so&#39;"),
    ],
)
def test_the_page_says_what_its_owner_says_or_something_of_ours(spec, said):
    _, site = wanted({**DEPLOYED, **spec})

    assert f'<h1 dir="auto">{said}</h1>' in text(site, PAGE)


def test_only_our_own_words_are_called_english():
    _, ours = wanted({**DEPLOYED, "maintenance": {}})
    _, theirs = wanted({**DEPLOYED, "maintenance": {"message": "Скоро"}})

    assert '<html lang="en">' in text(ours, PAGE)
    assert "<html>" in text(theirs, PAGE)


def test_visitors_are_told_when_to_come_back():
    _, site = wanted({**DEPLOYED, "maintenance": {"retry_after": 1800}})

    assert "add_header Retry-After 1800 always;" in text(site, CONF)
