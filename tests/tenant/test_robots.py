"""
Claims about what search engines find: rules, a map of the site, and what each page says of itself.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from showtimes import schedule
from showtimes.schedule import Showtime

pytestmark = pytest.mark.tenant

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
XHTML = "{http://www.w3.org/1999/xhtml}"
EVIL = "a&<b>"


@pytest.fixture
def on(store):
    """A film that is on tomorrow."""

    def show(city: str, film: str, days: float = 1) -> None:
        now = datetime.now(UTC)
        start = now.replace(microsecond=0) + timedelta(days=days)
        row = Showtime(city, f"{city}-kino", "Кіно", film, {"en": "A Film"}, start)
        schedule.keep(store.showtimes, [row], now)

    return show


def tags(html: str, rel: str) -> dict[str, str]:
    """The addresses of links with *rel*, by their languages."""
    links = re.findall(rf'<link rel="{rel}"(?: hreflang="([^"]+)")? href="([^"]+)">', html)
    return dict(links)


# ── rules ──


def test_robots_are_told_what_is_no_page_and_where_the_map_is(client):
    page = client.get("/robots.txt", base_url="https://kino.example")

    lines = page.text.splitlines()
    assert "text/plain" == page.mimetype
    assert "User-agent: *" == lines[0]
    assert {"Disallow: /api/", "Disallow: /*?*price="} <= set(lines)
    assert "Disallow: /" not in lines
    assert "Sitemap: https://kino.example/sitemap.xml" == lines[-1]


@pytest.mark.parametrize("path", ["/robots.txt", "/sitemap.xml"])
def test_what_is_for_robots_is_the_same_for_all_and_no_visit(client, path):
    page = client.get(path)

    assert "public, max-age=3600" == page.headers["Cache-Control"]
    assert "Set-Cookie" not in page.headers
    assert "Vary" not in page.headers


# ── the map ──


def mapped(client) -> list[str]:
    page = client.get("/sitemap.xml", base_url="https://kino.example")
    root = ET.fromstring(page.data)
    return [found.text.removeprefix("https://kino.example") for found in root.iter(f"{SITEMAP}loc")]


def test_the_map_has_the_cities_and_films_with_something_on_and_no_others(client, on):
    on("lviv", "odyssey")
    on("kyiv", "odyssey")
    on("odesa", "over", days=-1)

    assert ["/", "/kyiv", "/lviv", "/film/odyssey"] == mapped(client)


def test_every_address_of_the_map_opens(client, on):
    on("lviv", "odyssey")
    on("lviv", "a/b ї?")

    assert {200} == {client.get(path).status_code for path in mapped(client)}


def test_the_map_is_xml_whatever_a_film_is_called(client, on):
    on("lviv", EVIL)

    assert 3 == len(mapped(client))


def test_the_map_tells_when_a_city_was_looked_at(client, on, store):
    on("lviv", "odyssey")
    looked = {"last_updated": datetime(2026, 11, 24, 6, 0, 5, tzinfo=UTC)}
    store.locations.update_one({"city": "lviv"}, {"$set": looked})

    root = ET.fromstring(client.get("/sitemap.xml").data)

    told = [found.text for found in root.iter(f"{SITEMAP}lastmod")]
    assert ["2026-11-24T06:00:05Z"] * 2 == told


def test_the_map_knows_each_page_in_three_languages(client):
    root = ET.fromstring(client.get("/sitemap.xml", base_url="https://k.example").data)

    links = {link.get("hreflang"): link.get("href") for link in root.iter(f"{XHTML}link")}
    assert "https://k.example/" == links.pop("x-default")
    assert {"en", "uk", "ru"} == set(links)
    assert "https://k.example/?lang=ua" == links["uk"]


# ── what a page says of itself ──


@pytest.mark.parametrize("path", ["/", "/lviv", "/film/odyssey"])
def test_a_page_names_itself_and_its_languages(client, on, path):
    on("lviv", "odyssey")

    html = client.get(f"{path}?by=cinema&q=&price=100", base_url="https://kino.example").text

    page = f"https://kino.example{path}"
    assert {"": page} == tags(html, "canonical")
    assert tags(html, "alternate") == {
        "x-default": page,
        "en": f"{page}?lang=en",
        "uk": f"{page}?lang=ua",
        "ru": f"{page}?lang=ru",
    }


def test_a_page_in_a_chosen_language_is_a_page_of_its_own(client):
    html = client.get("/lviv?lang=ua&by=cinema", base_url="https://kino.example").text

    assert {"": "https://kino.example/lviv?lang=ua"} == tags(html, "canonical")


def test_a_page_that_is_not_there_names_nothing(client):
    html = client.get("/nowhere").text

    assert {} == tags(html, "canonical")
    assert {} == tags(html, "alternate")


@pytest.mark.parametrize("path", ["/", "/lviv", "/film/odyssey"])
@pytest.mark.parametrize("code", ["en", "ua", "ru"])
def test_a_page_has_a_title_and_a_description_for_people_who_have_not_seen_it(
    client, on, path, code
):
    on("lviv", "odyssey")

    html = client.get(f"{path}?lang={code}").text

    (title,) = re.findall('<meta property="og:title" content="([^"]+)">', html)
    (words,) = re.findall('<meta property="og:description" content="([^"]+)">', html)
    assert f"<title>{title} · CineStream</title>" in html
    assert f'<meta name="description" content="{words}">' in html


def test_the_queries_of_the_map_use_an_index(store):
    now = datetime.now(UTC)
    soon = {"start_time": {"$gte": now, "$lt": now + timedelta(days=7)}}

    for key in ("city", "film"):
        asked = {"distinct": "showtimes", "key": key, "query": soon}
        plan = str(store.prepared.command("explain", asked, verbosity="queryPlanner"))
        assert "COLLSCAN" not in plan
        assert "IXSCAN" in plan or "DISTINCT_SCAN" in plan
