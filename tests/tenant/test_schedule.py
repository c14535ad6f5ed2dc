"""
Claims about the programme as pages show it: days, filters, films, sources, positions, weight.
"""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from showtimes import places, schedule
from showtimes.schedule import Showtime

pytestmark = pytest.mark.tenant

KYIV = ZoneInfo("Europe/Kyiv")
EVIL = "<script>alert(1)</script>"


def today() -> datetime:
    """Noon, so that a day later is the next day of the city."""
    return datetime.now(KYIV).replace(hour=12, minute=0, second=0, microsecond=0)


def on(days: int, hour: int = 18, **change) -> Showtime:
    words = {
        "city": "lviv",
        "cinema_id": "kopernik",
        "cinema_name": "Коперник",
        "film": "odyssey",
        "movie": {"en": "The Odyssey", "ua": "Одіссея", "ru": "Одиссея"},
        "start_time": (today() + timedelta(days=days)).replace(hour=hour),
        "format": "2D",
        "language": "ua",
        "price": 160,
        "buy_link": "https://cinema.example/1",
        "source": "https://www.kopernik.example/now",
    }
    return Showtime(**{**words, **change})


def date(days: int) -> str:
    return str((today() + timedelta(days=days)).date())


def times(html: str) -> list[str]:
    return re.findall(r"<time [^>]*>(.....)</time>", html)


@pytest.fixture
def showing(store):
    def show(*rows: Showtime) -> None:
        schedule.keep(store.showtimes, rows, datetime.now(UTC))

    return show


# ── days ──


def test_a_week_of_days_is_shown_and_those_without_showtimes_are_no_links(client, showing):
    showing(on(1), on(3))

    nav = client.get("/lviv?lang=en").text.split('<nav class="days"')[1].split("</nav>")[0]

    assert [f"/lviv?day={date(1)}", f"/lviv?day={date(3)}"] == re.findall(r'href="([^"]+)"', nav)
    assert 5 == nav.count('class="off"')


def test_the_day_of_the_address_is_shown(client, showing):
    showing(on(1, 15), on(3, 21))

    assert ["15:00"] == times(client.get("/lviv").text)
    assert ["21:00"] == times(client.get(f"/lviv?day={date(3)}").text)


@pytest.mark.parametrize("day", ["x", "2001-01-01", "'", "2026-13-45"])
def test_a_day_that_is_not_of_this_week_is_ignored(client, showing, day):
    showing(on(1, 15))

    assert ["15:00"] == times(client.get("/lviv", query_string={"day": day}).text)


def test_a_day_without_showtimes_says_so(client, showing):
    showing(on(1))

    assert "Nothing is known of this day" in client.get(f"/lviv?lang=en&day={date(2)}").text


def test_what_has_begun_is_not_shown(client, showing):
    now = datetime.now(UTC)
    showing(on(0, start_time=now - timedelta(minutes=1)), on(1, 15))

    assert ["15:00"] == times(client.get("/lviv").text)


@pytest.mark.parametrize("day", [datetime(2026, 10, 25), datetime(2026, 3, 29)])  # noqa: DTZ001
def test_a_day_is_as_long_as_its_clock_says(store, day):
    rows = [
        on(
            0,
            start_time=datetime(day.year, day.month, day.day, hour, 30, tzinfo=KYIV),
            film=str(hour),
        )
        for hour in (0, 12, 23)
    ]
    schedule.keep(
        store.showtimes,
        [*rows, on(0, start_time=day.replace(tzinfo=KYIV) + timedelta(days=1))],
        day,
    )

    found = schedule.on_day(
        store.showtimes, "lviv", KYIV, day.date(), datetime(2020, 1, 1, tzinfo=UTC)
    )

    assert ["0", "12", "23"] == [row.film for row in found]


# ── films, cinemas and filters ──


def test_the_programme_is_laid_out_by_cinema_when_asked(client, showing):
    showing(on(1), on(1, film="b", movie={"en": "B"}))

    html = client.get("/lviv?by=cinema&lang=en").text

    assert ["Коперник"] == re.findall("<h3>(.*?)</h3>", html)
    assert ["The Odyssey", "B"] == re.findall(r"<h4><a [^>]*>(.*?)</a></h4>", html)


def test_filters_of_the_address_are_applied_and_shown_and_can_be_reset(client, showing):
    showing(on(1, 15, format="IMAX"), on(1, 19, format="3D"))

    html = client.get(f"/lviv?lang=en&day={date(1)}&format=3D&by=cinema").text

    assert ["19:00"] == times(html)
    assert '<option value="3D" selected>' in html
    assert f'<a href="/lviv?day={date(1)}&amp;by=cinema">Reset the filters</a>' in html


def test_only_values_that_occur_are_offered(client, showing):
    showing(on(1, 15, format="IMAX", price=90), on(2, format="3D"))

    html = client.get("/lviv?lang=en").text

    assert ["", "afternoon", "15:00", "", "IMAX", "", "ua", "", "90"] == re.findall(
        '<option value="(.*?)"', html
    )


def test_filters_that_nothing_fits_say_so(client, showing):
    showing(on(1), on(1, 20))

    html = client.get("/lviv?price=5&lang=ua").text

    assert "За цими фільтрами нічого немає" in html
    assert "Вони приховують 2 сеанси цього дня." in html


def test_filters_are_kept_when_the_language_is_changed(client, showing):
    showing(on(1))

    html = client.get(f"/lviv?day={date(1)}&format=2D").text

    assert f'href="?day={date(1)}&amp;format=2D&amp;lang=ua"' in html


@pytest.mark.parametrize(
    "name", ["day", "by", "format", "language", "price", "from", "near", "lang"]
)
def test_whatever_an_address_says_is_escaped(client, showing, name):
    showing(on(1))

    for path in ("/", "/lviv", "/film/odyssey"):
        assert EVIL not in client.get(path, query_string={name: f'">{EVIL}'}).text


def test_hostile_titles_languages_and_sources_are_escaped(client, showing):
    showing(
        on(1, movie={"en": EVIL}, language=EVIL, cinema_name=EVIL, format=EVIL, film=f"../{EVIL}"),
        on(1, 20, source=f"https://x.example/{EVIL}", buy_link=f'https://x.example/"{EVIL}'),
        on(1, 21, source="javascript:alert(1)", buy_link="http://x.example/"),
    )

    for path in ("/lviv", "/lviv?by=cinema", "/film/odyssey", f"/film/../{EVIL}"):
        html = client.get(path).text
        assert EVIL not in html
        assert "javascript:" not in html
        assert "http://x.example" not in html


def test_the_sources_are_linked_under_their_hosts(client, showing):
    showing(on(1), on(1, 20, source="https://b.example/x"), on(1, 21, source="http://c.example/"))

    html = client.get("/lviv").text

    assert ["b.example", "kopernik.example"] == re.findall(
        r'<a href="https://[^"]+" rel="noopener nofollow">([a-z.]+)</a>', html
    )


# ── one film ──


def test_a_film_is_shown_across_the_cities_or_in_one(client, showing):
    showing(on(1, 15), on(2, 19, city="kyiv", cinema_id="z"), on(1, 21, film="b"))

    assert ["15:00", "19:00"] == times(client.get("/film/odyssey").text)
    assert ["19:00"] == times(client.get("/film/odyssey?city=kyiv").text)


def test_every_time_of_a_film_has_a_calendar_link(client, showing):
    row = on(1, 15)
    showing(row)

    assert f'href="/showtime/{row.key}.ics"' in client.get("/film/odyssey").text


@pytest.mark.parametrize("path", ["/film/none", "/film/odyssey?city=none", "/film/"])
def test_a_film_or_a_city_that_is_unknown_is_not_found(client, showing, path):
    showing(on(1))

    assert 404 == client.get(path).status_code


def test_a_film_that_is_over_says_so(client, showing):
    showing(on(-2))

    page = client.get("/film/odyssey?lang=en")

    assert 200 == page.status_code
    assert "No showtimes of this film" in page.text


# ── where the visitor is ──


def test_cities_come_nearest_first_with_their_distances(client):
    html = client.get("/?near=49.84,24.03&lang=en").text

    (nearest, *_) = re.findall(r'class="card" href="/([a-z-]+)"><span>\w+ <small>(\d+) km', html)
    assert ("lviv", "1") == nearest


@pytest.mark.parametrize(
    "words", ["x", "91,0", "0,181", "1,2,3", "nan,nan", "49.8,", "1e3,4", "49,84", "' ,1"]
)
def test_a_position_is_checked(client, words):
    html = client.get("/", query_string={"near": words, "lang": "en"})

    assert 200 == html.status_code
    assert ("could not be read" in html.text) == (places.position(words) is None)


def test_a_position_is_rounded_to_about_a_kilometre():
    assert (49.84, 24.03) == places.position("49.839683,24.029717")


# ── freshness ──


@pytest.mark.parametrize(
    ("status", "hours", "asks"),
    [("fresh", 3, False), ("fresh", 25, True), ("stale", 3, True), ("processing", 3, False)],
)
def test_a_new_look_is_offered_where_the_data_is_old(app, client, store, status, hours, asks):
    app.config["LOOKS"] = True
    then = datetime.now(UTC) - timedelta(hours=hours)
    held = {"token": "x", "expires": datetime.now(UTC) + timedelta(minutes=5)}
    stands = {"status": status, "last_updated": then, "lock": held}
    store.locations.update_one({"city": "lviv"}, {"$set": stands})

    html = client.get("/lviv?lang=en").text

    assert asks == ("Look for showtimes now" in html)
    assert ("Reload the page" in html) == (status == "processing")


def test_nothing_is_offered_where_nobody_would_answer(client, store):
    assert "/api/scrape" not in client.get("/lviv?lang=en").text


def test_documents_of_an_older_version_can_be_read(client, store, showing):
    showing(on(1, 15))
    store.showtimes.update_many({}, {"$unset": {"source": 1, "price": 1, "buy_link": 1}})
    store.locations.update_one({"city": "lviv"}, {"$unset": {"status": 1, "last_updated": 1}})

    assert ["15:00"] == times(client.get("/lviv").text)


# ── cost ──


def test_a_first_visit_of_a_large_city_weighs_less_than_100_kb(client, showing):
    showing(
        *(
            on(
                1,
                8 + number % 15,
                film=f"film-{number % 40}",
                cinema_id=f"c{number % 9}",
                language=str(number),
            )
            for number in range(300)
        )
    )
    html = client.get("/lviv").text
    assert 300 == len(times(html))

    weight = len(gzip.compress(html.encode()))
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', html):
        with client.get(address) as file:
            weight += len(gzip.compress(file.data))

    assert weight < 100_000


def test_the_queries_of_the_programme_are_index_scans(store):
    now = datetime.now(UTC)
    span = {"$gte": now, "$lt": now + timedelta(days=7)}
    week = {
        "distinct": "showtimes",
        "key": "start_time",
        "query": {"city": "x", "start_time": span},
    }
    film = {"film": "x", "start_time": span}
    plans = [
        store.prepared.command("explain", week, verbosity="queryPlanner"),
        store.showtimes.find(film).sort("start_time", 1).explain(),
        store.showtimes.find({**film, "city": "x"}).sort("start_time", 1).explain(),
        store.showtimes.find({"film": "x"}).sort("start_time", -1).limit(1).explain(),
        store.showtimes.find({"start_time": span}).sort("start_time", 1).explain(),
    ]

    for plan in plans:
        text = str(plan["queryPlanner"]["winningPlan"])
        assert "IXSCAN" in text or "DISTINCT_SCAN" in text
        assert "'SORT'" not in text
