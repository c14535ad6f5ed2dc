"""
Claims about what programs may ask, over a real database, and about what a new look is refused for.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from messages_api import error, serving, showtimes
from running import keyed, page, row, silent, until
from showtimes import budget, cities, create_app, lock, schedule
from showtimes.database import NAME, Store, store_of
from showtimes.runs import runner_of
from showtimes.schedule import Showtime
from showtimes.settings import Settings
from tenant_processes import SOURCE, free_port, get

pytestmark = pytest.mark.tenant

KYIV = ZoneInfo("Europe/Kyiv")
HERE = {"Sec-Fetch-Site": "same-origin"}
BROWSER = {**HERE, "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
READS = ("/api/locations", "/api/showtimes?city=lviv", "/api/status?city=lviv", "/api/openapi.json")


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
        "format": "IMAX",
        "language": "ua",
        "price": 160,
        "buy_link": "https://cinema.example/1",
        "source": "https://cinema.example/lviv",
    }
    return Showtime(**{**words, **change})


@pytest.fixture
def showing(store):
    def show(*rows: Showtime) -> None:
        schedule.keep(store.showtimes, rows, datetime.now(UTC))

    return show


# ── cities ──


def test_all_cities_are_told_the_largest_first(client):
    told = client.get("/api/locations").json["locations"]

    assert len(cities.known()) == len(told)
    assert "kyiv" == told[0]["city"]
    lviv = next(city for city in told if city["city"] == "lviv")
    assert {
        "city": "lviv",
        "names": {"en": "Lviv", "ua": "Львів", "ru": "Львов"},
        "people": lviv["people"],
        "point": {"type": "Point", "coordinates": lviv["point"]["coordinates"]},
        "zone": "Europe/Kyiv",
        "status": "stale",
        "last_updated": None,
        "metres": None,
    } == lviv
    longitude, latitude = lviv["point"]["coordinates"]
    assert (24, 49.8) == (round(longitude), round(latitude, 1))


def test_with_a_position_the_nearest_come_first_and_say_how_far_they_are(client):
    told = client.get("/api/locations?near=49.84,24.03").json["locations"]

    metres = [city["metres"] for city in told]
    assert "lviv" == told[0]["city"]
    assert metres[0] < 2_000
    assert metres == sorted(metres)
    assert len(cities.known()) == len(told)


def test_a_city_whose_holder_died_is_told_as_stale(client, store):
    held = lock.acquire(store.locations, "lviv", 0.01)
    until(lambda: lock.standing(store.locations, "lviv").status == "stale", 5)

    told = client.get("/api/locations").json["locations"]

    assert held
    assert {"stale"} == {city["status"] for city in told}
    assert "stale" == client.get("/api/status?city=lviv").json["status"]


# ── showtimes ──


def test_a_showtime_is_told_with_all_that_is_known_of_it(client, showing, store):
    start = soon(3)
    showing(screening(start_time=start))

    answer = client.get("/api/showtimes?city=lviv").json

    created = store.showtimes.find_one({})["created_at"]
    (told,) = answer["showtimes"]
    key = told["key"]
    assert ("lviv", "Europe/Kyiv") == (answer["city"], answer["zone"])
    assert {
        "key": screening(start_time=start).key,
        "city": "lviv",
        "cinema_id": "kopernik",
        "cinema_name": "Коперник",
        "film": "odyssey",
        "movie": {"en": "The Odyssey", "ua": "Одіссея", "ru": "Одиссея"},
        "start_time": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "format": "IMAX",
        "language": "ua",
        "price": 160,
        "buy_link": "https://cinema.example/1",
        "source": "https://cinema.example/lviv",
        "created_at": created.isoformat().replace("+00:00", "Z"),
        "calendar": f"/showtime/{key}.ics",
    } == told
    assert "text/calendar" == client.get(told["calendar"]).mimetype


def test_showtimes_are_of_the_coming_week_and_the_soonest_come_first(client, showing):
    hours = (30, 2, 24 * 7 + 1, -1)
    showing(*(screening(start_time=soon(each)) for each in hours))

    told = client.get("/api/showtimes?city=lviv").json["showtimes"]

    starts = [each["start_time"] for each in told]
    assert [f"{soon(each):%Y-%m-%dT%H}" for each in (2, 30)] == [start[:13] for start in starts]


def test_showtimes_of_a_day_are_those_of_the_citys_own_day(client, showing):
    tomorrow = datetime.now(KYIV).date() + timedelta(days=1)
    noon, last = (datetime(*tomorrow.timetuple()[:3], hour, 30, tzinfo=KYIV) for hour in (12, 23))
    showing(*(screening(start_time=start) for start in (noon, last, last + timedelta(hours=1))))

    told = client.get(f"/api/showtimes?city=lviv&day={tomorrow}").json["showtimes"]

    assert [start.astimezone(UTC).isoformat()[:19] for start in (noon, last)] == [
        each["start_time"].rstrip("Z") for each in told
    ]


def test_showtimes_of_a_film_are_its_own(client, showing):
    showing(screening(), screening(film="dune"))

    told = client.get("/api/showtimes?city=lviv&film=dune").json["showtimes"]

    assert ["dune"] == [each["film"] for each in told]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2020-02-29"])
def test_days_that_nobody_knows_of_have_no_showtimes(client, showing, day):
    showing(screening())

    answer = client.get(f"/api/showtimes?city=lviv&day={day}")

    assert (200, []) == (answer.status_code, answer.json["showtimes"])


def test_links_of_the_open_web_are_told_only_when_they_are_https(client, showing):
    showing(screening(buy_link="javascript:alert(1)", source="http://cinema.example/"))

    (told,) = client.get("/api/showtimes?city=lviv").json["showtimes"]

    assert ("", "") == (told["buy_link"], told["source"])


def test_the_queries_are_index_scans(store, showing):
    showing(screening())
    week = {"$gte": soon(0), "$lt": soon(24)}
    wanted = {"city": "lviv", "start_time": week, "film": "odyssey"}

    plans = [
        store.showtimes.find(wanted).sort("start_time", 1).explain(),
        store.locations.find({"city": "lviv"}, {"zone": True}).explain(),
    ]

    assert all("IXSCAN" in str(plan["queryPlanner"]["winningPlan"]) for plan in plans)


# ── how they are sent ──


@pytest.mark.parametrize("path", READS)
def test_reads_cost_nothing_when_nothing_has_changed(client, path):
    first = client.get(path)

    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})

    assert (200, "application/json") == (first.status_code, first.mimetype)
    assert (304, b"") == (again.status_code, again.data)
    assert first.headers["Cache-Control"] == again.headers["Cache-Control"]


@pytest.mark.parametrize("path", READS)
def test_reads_are_the_same_for_every_visitor(client, path):
    answer = client.get(path, headers={"Accept-Language": "uk"})

    assert not {"Set-Cookie", "Content-Language"} & set(answer.headers.keys())
    assert "Cookie" not in answer.vary


def test_lists_may_be_kept_for_seconds_and_a_status_not_at_all(client):
    keeping = [client.get(path).headers["Cache-Control"] for path in READS[:3]]

    assert ["public, max-age=5", "public, max-age=5", "no-cache"] == keeping


# ── what goes wrong ──


def problem(answer) -> dict:
    assert "application/problem+json" == answer.mimetype
    told = answer.json
    assert (answer.status_code, "about:blank") == (told["status"], told["type"])
    assert re.fullmatch(r"\S.*\.", told["detail"])
    return told


@pytest.mark.parametrize(
    ("path", "faults"),
    [
        ("/api/locations?near=91,0", ["near"]),
        ("/api/locations?near=", ["near"]),
        ("/api/locations?near=1,1&near=2,2", ["near"]),
        ("/api/showtimes", ["city"]),
        ("/api/showtimes?day=2026-02-30&film=&x=1&city=%00", ["city", "day", "film", "x"]),
        ("/api/showtimes?city=lviv&day=20261124", ["day"]),
        (f"/api/showtimes?city=lviv&film={'x' * 201}", ["film"]),
        ("/api/status?city=lviv&city=kyiv", ["city"]),
        (f"/api/status?city={'x' * 65}", ["city"]),
    ],
)
def test_all_that_is_wrong_with_a_request_is_told_at_once(client, path, faults):
    answer = client.get(path)

    assert 400 == answer.status_code
    assert faults == sorted(fault["parameter"] for fault in problem(answer)["faults"])


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/api/showtimes?city=atlantis", 404),
        ("GET", "/api/status?city=atlantis", 404),
        ("GET", "/api", 404),
        ("GET", "/api/", 404),
        ("GET", "/api/nothing/at/all", 404),
        ("DELETE", "/api/locations", 405),
        ("GET", "/api/scrape", 405),
    ],
)
def test_what_there_is_not_is_told_to_programs_too(client, method, path, code):
    answer = client.open(path, method=method)

    assert code == problem(answer)["status"]
    assert ("Allow" in answer.headers) == (code == 405)


def test_pages_are_still_told_of_in_pages(client):
    answer = client.get("/apiary")

    assert (404, "text/html") == (answer.status_code, answer.mimetype)


@pytest.mark.parametrize(
    ("language", "words"), [("uk", "міста"), ("ru", "город"), ("en", "the city")]
)
def test_problems_are_told_in_the_readers_language(client, language, words):
    answer = client.get("/api/status?city=atlantis", headers={"Accept-Language": language})

    assert words in problem(answer)["detail"]
    assert language == answer.headers["Content-Language"]


def test_a_database_that_is_away_is_told_with_when_to_come_again():
    app = create_app(Settings(f"mongodb://127.0.0.1:{free_port()}", "x", "not a secret"))
    client = app.test_client()

    answers = [client.get(path) for path in READS[:3]]
    answers.append(client.post("/api/scrape", data={"city": "lviv"}, headers=HERE))

    store_of(app).close()
    assert [503] * 4 == [problem(answer)["status"] for answer in answers]
    assert {"5"} == {answer.headers["Retry-After"] for answer in answers}


def test_our_own_faults_are_told_as_ours(app):
    app.extensions[NAME] = None
    app.config["PROPAGATE_EXCEPTIONS"] = False

    answer = app.test_client().get(
        "/api/locations", environ_overrides={"cinestream.request_id": "abc"}
    )

    app.extensions[NAME] = Store("mongodb://127.0.0.1:1", "x")
    assert (500, "abc") == (problem(answer)["status"], answer.json["reference"])


# ── a new look ──


@pytest.fixture
def looking(settings):
    """Makes the application with a key, for the API at an address."""
    made = []

    def make(url: str, **limits):
        app = create_app(keyed(settings, url, **limits))
        made.append(app)
        return app.test_client()

    yield make
    for app in made:
        runner_of(app).stop()
        store_of(app).close()


def ask(client, city: str = "lviv", **headers: str):
    return client.post("/api/scrape", data={"city": city}, headers={**HERE, **headers})


def test_a_look_is_begun_once_and_told_to_all_who_ask_while_it_goes_on(looking):
    with silent() as silence:
        client = looking(silence.url)

        answers = [ask(client), ask(client)]

        assert silence.asked.wait(30)
        assert [(202, True), (202, False)] == [(a.status_code, a.json["started"]) for a in answers]
        assert {"5"} == {answer.headers["Retry-After"] for answer in answers}
        assert {("lviv", "processing", 5)} == {
            (answer.json["city"], answer.json["status"], answer.json["retry_after"])
            for answer in answers
        }
        told = client.get("/api/status?city=lviv").json
        assert ("processing", 5) == (told["status"], told["retry_after"])


def test_progress_is_told_while_a_look_goes_on(client, store):
    held = lock.acquire(store.locations, "lviv", 60)
    lock.tell(store.locations, held, {"step": "reading", "done": 2, "of": 5})

    told = client.get("/api/status?city=lviv").json

    assert {
        "city": "lviv",
        "status": "processing",
        "last_updated": None,
        "progress": {"step": "reading", "done": 2, "of": 5},
        "retry_after": 5,
    } == told


def test_what_a_look_has_found_is_told_and_no_other_is_needed(looking):
    with serving(page(), showtimes(row())) as api:
        client = looking(api.url)
        assert 202 == ask(client).status_code

        told = until(lambda: client.get("/api/showtimes?city=lviv").json["showtimes"])
        status = until(lambda: finished(client))
        again = ask(client)

    assert ["Дюна 3"] == [each["movie"]["ua"] for each in told]
    assert ("fresh", None) == (status["status"], status["progress"])
    assert datetime.now(UTC) - datetime.fromisoformat(status["last_updated"]) < timedelta(minutes=1)
    assert (200, "fresh", False) == (
        again.status_code,
        again.json["status"],
        again.json["started"],
    )
    assert "Retry-After" not in again.headers
    assert 2 == len(api.bodies)


def finished(client) -> dict | None:
    status = client.get("/api/status?city=lviv").json
    return None if status["status"] == "processing" else status


def test_the_fields_may_come_as_json(looking):
    with silent() as silence:
        answer = looking(silence.url).post("/api/scrape", json={"city": "lviv"}, headers=HERE)

        assert 202 == answer.status_code


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "https://localhost"},
        {"Origin": "http://localhost:8000"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Referer": "http://localhost/lviv"},
    ],
)
def test_nobody_but_the_sites_own_pages_may_ask_for_a_look(looking, headers):
    with silent() as silence:
        client = looking(silence.url)

        answer = client.post("/api/scrape", data={"city": "lviv"}, headers=headers)

        assert 403 == problem(answer)["status"]
        assert "stale" == client.get("/api/status?city=lviv").json["status"]


@pytest.mark.parametrize(
    ("scheme", "host"), [("http", "localhost"), ("https", "kino.example"), ("http", "h:81")]
)
def test_a_browser_that_tells_only_its_origin_is_believed(client, scheme, host):
    origin = f"{scheme}://{host}"

    answer = client.post(
        "/api/scrape", data={"city": "lviv"}, headers={"Origin": origin}, base_url=origin
    )

    assert "off" == problem(answer)["reason"]


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        ("city=atlantis", "application/x-www-form-urlencoded", 404),
        ("city=", "application/x-www-form-urlencoded", 400),
        ("", "application/x-www-form-urlencoded", 400),
        ("city=lviv&city=kyiv", "application/x-www-form-urlencoded", 400),
        ("city=lviv&more=1", "application/x-www-form-urlencoded", 400),
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ('{"city": 5}', "application/json", 400),
        ('{"city": null}', "application/json", 400),
        ('{"city": "\\ud800"}', "application/json", 400),
        ('{"city": "lviv", "\\ud800": 1}', "application/json", 400),
        ("lviv", "text/plain", 415),
        ("city=lviv", "multipart/form-data; boundary=x", 415),
        ("lviv", "", 415),
        (f"city={'x' * 70_000}", "application/x-www-form-urlencoded", 413),
        (f'{{"city": "{"x" * 70_000}"}}', "application/json", 413),
    ],
)
def test_a_wish_that_is_not_understood_is_told_so(client, body, kind, code):
    answer = client.post("/api/scrape", data=body, content_type=kind, headers=HERE)

    assert code == problem(answer)["status"]
    assert (code == 400) == ("faults" in answer.json)


def hour(store) -> None:
    assert budget.count_start(store.stats, 1) is None


def day(store) -> None:
    reserved = budget.reserve(store.stats, datetime.now(UTC), 1.0, 1.0, 600)
    budget.settle(store.stats, reserved, {"usd": 1.0})


def others(store) -> None:
    assert budget.reserve(store.stats, datetime.now(UTC), 0.1, 1.0, 600, 1)


def failure(store) -> None:
    held = lock.acquire(store.locations, "lviv", 60)
    assert lock.release(store.locations, held, "stale", wait=900)


def breaker(reason: str):
    return lambda store: budget.trip(store.stats, reason)


@pytest.mark.parametrize(
    ("reason", "cause", "code", "words"),
    [
        ("too-many-starts", hour, 429, "Many people"),
        ("budget", day, 503, "tomorrow"),
        ("busy", others, 503, "Many people"),
        ("failed-recently", failure, 503, "has failed"),
        ("spend-limit", breaker("spend-limit"), 503, "cannot be looked for"),
        ("credentials", breaker("credentials"), 503, "cannot be looked for"),
        ("overloaded", breaker("overloaded"), 503, "cannot be looked for"),
    ],
)
def test_a_refusal_says_why_and_when_to_come_again(looking, store, reason, cause, code, words):
    cause(store)
    with serving(error(500, "api_error")) as api:
        client = looking(api.url, starts_an_hour=1, parallel=1)

        answer = ask(client)

    assert (code, reason) == (problem(answer)["status"], answer.json["reason"])
    assert words in answer.json["detail"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 86_400
    assert [] == api.bodies


def test_without_a_key_a_look_is_refused_politely_and_the_pages_offer_none(client):
    answer = ask(client, **{"Accept-Language": "uk"})

    assert (503, "off") == (problem(answer)["status"], answer.json["reason"])
    assert "Зараз не вдається шукати нові сеанси." in answer.json["detail"]
    assert 0 < int(answer.headers["Retry-After"])
    assert "/api/scrape" not in client.get("/lviv").text


@pytest.mark.parametrize("key", ["", "sk-ant-not-a-key"])
def test_a_worker_says_to_its_owner_once_at_its_start_that_there_is_no_key(house, settings, key):
    house.env(
        MONGODB_URI=settings.mongodb_uri,
        MONGODB_DATABASE=settings.mongodb_database,
        SECRET_KEY=settings.secret_key,
        ANTHROPIC_API_KEY=key,
    )
    worker = house.start(str(SOURCE / "main.py"), "--port", str(house.port)).ready()
    get(worker.port, "/api/locations")
    get(worker.port, "/lviv")

    _, _, told = worker.stop()

    assert told.count("ANTHROPIC_API_KEY") == (0 if key else 1)
    assert key not in told or not key


# ── a new look without scripts ──


def test_a_browser_that_sends_the_form_is_led_to_the_citys_page(looking):
    with silent() as silence:
        client = looking(silence.url)

        answers = [
            client.post("/api/scrape", data={"city": "lviv"}, headers=BROWSER) for _ in range(2)
        ]

        assert [(303, "/lviv")] * 2 == [(a.status_code, a.location) for a in answers]


@pytest.mark.parametrize(
    ("headers", "city", "code", "words"),
    [
        ({}, "lviv", 503, "cannot be looked for"),
        ({}, "atlantis", 404, "mistyped"),
        ({}, "", 400, "not understood"),
        ({"Sec-Fetch-Site": "cross-site"}, "lviv", 403, "pages of this site only"),
    ],
)
def test_a_browser_that_is_refused_gets_a_page_that_says_why(client, headers, city, code, words):
    answer = client.post("/api/scrape", data={"city": city}, headers={**BROWSER, **headers})

    assert (code, "text/html") == (answer.status_code, answer.mimetype)
    assert words in answer.text
    assert (code == 503) == ("Retry-After" in answer.headers)


def test_a_browser_that_looks_at_what_programs_read_sees_that(client):
    answer = client.get("/api/status?city=atlantis", headers=BROWSER)

    assert "application/problem+json" == answer.mimetype
    assert 404 == json.loads(answer.text)["status"]
