"""
Claims about the pages, over a real database.
"""

from __future__ import annotations

import re
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from showtimes import cities, create_app, pages, schedule, visits
from showtimes.database import store_of
from showtimes.schedule import Showtime
from showtimes.settings import Settings, SettingsError

pytestmark = pytest.mark.tenant

LANGUAGES = {"en": ("en", "Kyiv"), "ua": ("uk", "Київ"), "ru": ("ru", "Киев")}
CYRILLIC = re.compile("[а-яёіїєґ]", re.IGNORECASE)
EVIL = '"><script>alert(1)</script>'


def within(seconds: float, ask, wanted):
    """What *ask* says at last: *wanted*, or something else when the *seconds* are over."""
    end = time.monotonic() + seconds
    while (said := ask()) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    return said


def soon(hours: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)


def screening(**change) -> Showtime:
    words = {
        "city": "lviv",
        "cinema_id": "kopernik",
        "cinema_name": "Коперник",
        "film": "odyssey",
        "movie": {"en": "The Odyssey", "ua": "Одіссея", "ru": "Одиссея"},
        "start_time": soon(2),
        "price": 160,
        "buy_link": "https://cinema.example/1",
    }
    return Showtime(**{**words, **change})


@pytest.fixture
def showing(store):
    def show(*rows: Showtime) -> None:
        schedule.keep(store.showtimes, rows, datetime.now(UTC))

    return show


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_home_page_lists_the_cities_in_the_visitors_language(client, code):
    tag, name = LANGUAGES[code]

    page = client.get(f"/?lang={code}")

    assert 200 == page.status_code
    assert f'<html lang="{tag}">' in page.text
    assert len(cities.known()) == len(set(re.findall(r'<li><a href="/([a-z-]+)">', page.text)))
    assert f'<a href="/kyiv">{name}</a>' in page.text


@pytest.mark.parametrize(
    ("asked", "tag"),
    [
        ("uk-UA,uk;q=0.9,en;q=0.8", "uk"),
        ("ru", "ru"),
        ("de,en;q=0.5", "en"),
        ("de", "en"),
        ("", "en"),
        ("*;q=0.1", "en"),
    ],
)
def test_the_browsers_languages_are_heard(client, asked, tag):
    page = client.get("/", headers={"Accept-Language": asked})

    assert f'<html lang="{tag}">' in page.text
    assert {"Accept-Language", "Cookie"} <= set(page.vary.as_set(preserve_casing=True))


def test_a_chosen_language_stays(client):
    client.get("/?lang=ua", headers={"Accept-Language": "ru"})

    assert '<html lang="uk">' in client.get("/lviv", headers={"Accept-Language": "ru"}).text


def test_a_language_that_there_is_not_is_ignored(client):
    assert '<html lang="en">' in client.get("/?lang=xx").text


@pytest.mark.parametrize("path", ["/?", "/?q=к", "/?q=zz", "/lviv?", "/nowhere?"])
@pytest.mark.parametrize("code", ["ua", "ru"])
def test_no_english_is_left_on_a_translated_page(client, path, code):
    html = client.get(f"{path}&lang={code}").text

    text = re.sub(r"<[^>]*>", " ", html.split("<body>")[1])
    assert CYRILLIC.search(text)
    assert set(re.findall("[a-z]+", text, re.IGNORECASE)) <= {"CineStream", "EN", "UA", "RU", "zz"}


def test_one_city_that_answers_is_gone_to(client):
    page = client.get("/?q=Льв")

    assert (302, "/lviv") == (page.status_code, page.location)


def test_no_city_that_answers_is_said(client):
    assert "We know no such city yet." in client.get("/?q=zz").text


def test_what_was_searched_for_is_escaped(client):
    assert "<script>" not in client.get("/", query_string={"q": EVIL}).text


def test_a_city_without_showtimes_says_so_and_offers_others(client):
    page = client.get("/lviv?lang=en")

    assert 200 == page.status_code
    assert "No showtimes here yet" in page.text
    assert '<a href="/stryi">Stryi</a>' in page.text


def test_a_showtime_is_a_chip_that_links_to_the_ticket(client, showing):
    showing(screening(format="IMAX"))

    html = client.get("/lviv?lang=ua").text

    assert '<h3><a href="/film/odyssey?city=lviv">Одіссея</a></h3>' in html
    assert "<h4>Коперник</h4>" in html
    assert '<a class="time" href="https://cinema.example/1" rel="noopener nofollow">' in html
    assert "<small>IMAX · 160 ₴</small>" in html


def test_times_are_the_citys_own(client, showing):
    start = soon(30).replace(hour=16, minute=5)
    showing(screening(start_time=start))

    html = client.get("/lviv").text

    assert re.search(r'<time datetime="[^"]+\+0[23]:00">1[89]:05</time>', html)


def test_a_days_showtimes_are_grouped_by_film_and_cinema(client, showing):
    noon = (soon(24) + timedelta(days=1)).replace(hour=10, minute=0, second=0)
    showing(
        screening(start_time=noon),
        screening(start_time=noon + timedelta(hours=3)),
        screening(start_time=noon, cinema_id="other", cinema_name="Інший"),
        screening(start_time=noon, film="b", movie={"en": "B"}),
        screening(start_time=noon + timedelta(days=1)),
    )

    html = client.get("/lviv?lang=en").text

    assert [1, 2, 3, 4] == [
        html.count(f"<{each}") for each in ('section class="day"', "article", "h4", "time ")
    ]


@pytest.mark.parametrize("field", ["cinema_name", "format", "buy_link", "movie"])
def test_gathered_text_is_escaped(client, showing, field):
    value = {"en": EVIL} if field == "movie" else f"https://{EVIL}" if field == "buy_link" else EVIL
    showing(screening(**{field: value}))

    html = client.get("/lviv?lang=en").text

    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_link_that_is_no_web_address_is_shown_without_one(client, showing):
    showing(screening(buy_link="javascript:alert(1)"))

    html = client.get("/lviv").text

    assert "javascript:" not in html
    assert '<span class="time">' in html


def test_the_age_of_the_data_is_in_view(client, store):
    updated = {"status": "fresh", "last_updated": soon(-3)}
    store.locations.update_one({"city": "lviv"}, {"$set": updated})

    assert "Оновлено 3 години тому" in client.get("/lviv?lang=ua").text


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "just now"),
        (1, "1 minute ago"),
        (59, "59 minutes ago"),
        (60, "1 hour ago"),
        (47 * 60, "47 hours ago"),
        (48 * 60, "2 days ago"),
        (-5, "just now"),
    ],
)
def test_ages_are_told_in_words(app, minutes, words):
    now = datetime.now(UTC)

    with app.test_request_context():
        assert words == pages.ago(now - timedelta(minutes=minutes), now)


# ── what went wrong ──


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("en", "This page is not on the programme"),
        ("ua", "Цієї сторінки немає в програмі"),
        ("ru", "Этой страницы нет в программе"),
    ],
)
def test_an_unknown_address_has_a_page_in_three_languages(client, code, title):
    page = client.get(f"/nowhere?lang={code}")

    assert 404 == page.status_code
    assert f"<h1>{title}</h1>" in page.text


def test_a_fault_of_ours_has_a_page_with_a_reference(app):
    app.add_url_rule("/fault/of/ours", view_func=lambda: 1 / 0)

    page = app.test_client().get(
        "/fault/of/ours?lang=ru", environ_overrides={"cinestream.request_id": "abc-3"}
    )

    assert 500 == page.status_code
    assert "<h1>Проектор заклинило</h1>" in page.text
    assert "<code>abc-3</code>" in page.text
    assert "ZeroDivisionError" not in page.text


def test_a_method_that_there_is_not_has_a_page_and_says_which_there_are(client):
    page = client.post("/")

    assert 405 == page.status_code
    assert "GET" in page.headers["Allow"]
    assert "<h1>That did not work</h1>" in page.text


def test_a_database_that_is_away_is_a_page_and_comes_back_without_a_restart(mortal_mongod):
    app = create_app(Settings(mortal_mongod.uri, "away", "x"))
    client = app.test_client()
    assert 200 == client.get("/lviv").status_code

    mortal_mongod.stop()
    pages_away = [client.get(f"/lviv?lang={code}") for code in LANGUAGES]
    mortal_mongod.start()

    assert [(503, "5")] * 3 == [
        (page.status_code, page.headers["Retry-After"]) for page in pages_away
    ]
    titles = [re.search("<h1>(.*)</h1>", page.text)[1] for page in pages_away]
    assert ["A short intermission", "Коротка перерва", "Короткий антракт"] == titles
    assert 200 == within(2, lambda: client.get("/lviv").status_code, 200)
    store_of(app).close()


def test_while_the_database_is_away_nobody_waits_for_it_but_one(mortal_mongod):
    app = create_app(Settings(mortal_mongod.uri, "waits", "x"))
    app.test_client().get("/lviv")
    mortal_mongod.stop()
    app.test_client().get("/kyiv")
    took = []

    def ask() -> None:
        began = time.monotonic()
        assert 503 == app.test_client().get("/kyiv").status_code
        took.append(time.monotonic() - began)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 8 == len(took)
    assert sorted(took)[-2] < 1
    store_of(app).close()


def test_settings_that_are_missing_are_all_named():
    with pytest.raises(SettingsError, match=r"does not set MONGODB_URI, SECRET_KEY$"):
        Settings.read({"MONGODB_DATABASE": "x"})


def test_settings_do_not_show_their_secrets():
    shown = repr(Settings("mongodb://u:hunter2@h", "d", "hunter2", "hunter2"))

    assert "hunter2" not in shown


# ── headers and cookies ──


@pytest.mark.parametrize("path", ["/", "/nowhere", "/static/site.css"])
def test_every_answer_forbids_what_it_does_not_need(client, path):
    with client.get(path) as page:
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "nosniff" == page.headers["X-Content-Type-Options"]
        assert "DENY" == page.headers["X-Frame-Options"]


@pytest.mark.parametrize("path", ["/", "/lviv", "/nowhere"])
def test_no_script_or_style_is_inline(client, path):
    html = client.get(path).text

    assert not re.search(
        r"<script(?! src=\"/static/)|<style|\sstyle=|\son[a-z]+=|javascript:", html
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_cookie_is_as_closed_as_the_connection_allows(client, scheme):
    page = client.get("/lviv", base_url=f"{scheme}://kino.example")

    cookie = page.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert ("Secure" in cookie) == (scheme == "https")


def test_static_files_change_their_address_with_their_content(client):
    (address,) = re.findall(r'href="(/static/site\.css\?v=[0-9a-f]{12})"', client.get("/").text)

    with client.get(address) as sheet:
        assert 200 == sheet.status_code
        assert "public, max-age=31536000, immutable" == sheet.headers["Cache-Control"]


def test_a_static_file_without_its_version_is_kept_for_an_hour(client):
    with client.get("/static/site.css") as sheet:
        assert "public, max-age=3600" == sheet.headers["Cache-Control"]
        assert "Set-Cookie" not in sheet.headers


def test_a_static_file_that_is_not_there_is_not_kept(client):
    missing = client.get("/static/none.css?v=1")

    assert 404 == missing.status_code
    assert "immutable" not in missing.headers["Cache-Control"]


# ── visits ──


def test_a_visit_is_counted_once_however_many_pages_it_has(client, store):
    for path in ("/", "/lviv", "/kyiv?lang=ua"):
        client.get(path)

    assert 1 == visits.count(store)


def test_visits_at_the_same_time_are_all_counted(app, store):
    threads = [threading.Thread(target=app.test_client().get, args=("/lviv",)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 10 == visits.count(store)


def test_the_home_page_gives_a_stranger_no_cookie_and_counts_by_its_picture(client, store):
    page = client.get("/")
    before = visits.count(store)
    picture = client.get(re.search('<img src="([^"]+)"', page.text)[1])

    assert "Set-Cookie" not in page.headers
    assert "max-age=0, must-revalidate, s-maxage=5" == page.headers["Cache-Control"]
    assert (0, 1) == (before, visits.count(store))
    assert ("image/gif", "no-store") == (picture.mimetype, picture.headers["Cache-Control"])


def test_who_has_a_session_gets_a_home_page_of_no_ones_else(client, store):
    client.get("/visit")

    page = client.get("/")

    assert "private, no-cache" == page.headers["Cache-Control"]
    assert "/visit" not in page.text
    assert 1 == visits.count(store)


@pytest.mark.parametrize("path", ["/?lang=ua", "/?q=zz", "/?near=50,30", "/?from=a-friend"])
def test_a_home_page_that_was_asked_for_something_counts_by_itself(client, store, path):
    page = client.get(path)

    assert "private, no-cache" == page.headers["Cache-Control"]
    assert "/visit" not in page.text
    assert 1 == visits.count(store)


def test_a_picture_on_another_site_counts_nobody(client, store):
    client.get("/visit", headers={"Sec-Fetch-Site": "cross-site"})

    assert 0 == visits.count(store)


def test_a_visitor_who_kept_the_page_and_lost_the_session_is_a_visit(app, store):
    etag = app.test_client().get("/lviv").headers["ETag"]

    again = app.test_client().get("/lviv", headers={"If-None-Match": etag})

    assert 304 == again.status_code
    assert 2 == visits.count(store)


def test_a_page_that_is_not_there_is_no_visit(client, store):
    client.get("/nowhere")

    assert 0 == visits.count(store)
