"""
Claims about the pages that a worker keeps: what they depend on, how old they may get, how many.
"""

from __future__ import annotations

import gzip
import re
import threading
import time
from datetime import UTC, datetime, timedelta

import pymongo
import pytest
from showtimes import caches, create_app, lock, schedule, versions
from showtimes.caches import Caches, Kept, Shelf, caches_of
from showtimes.database import Store, store_of
from showtimes.schedule import Showtime
from showtimes.settings import Settings
from showtimes.versions import Version, Versions

pytestmark = pytest.mark.tenant

EVIL = "<script>alert(1)</script>"


def showtime(number: int = 1, **change) -> Showtime:
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3, seconds=number)
    words = {
        "city": "lviv",
        "cinema_id": "kopernik",
        "cinema_name": "Коперник",
        "film": f"film-{number}",
        "movie": {"en": f"Film {number}", "ua": f"Фільм {number}", "ru": f"Фильм {number}"},
        "start_time": start,
        "format": "2D",
    }
    return Showtime(**{**words, **change})


def keep(store: Store, *rows: Showtime) -> None:
    """Written, and nothing said of it: no page may notice before the city is renewed."""
    schedule.keep(store.showtimes, rows, datetime.now(UTC))


def renew(store: Store, city: str = "lviv") -> None:
    """As a run ends."""
    held = lock.acquire(store.locations, city, 60)
    assert lock.release(store.locations, held, "fresh", updated=True)


def asked(mongod, name: str, operation: str) -> int:
    """How many commands of *operation* the database has counted on that collection."""
    with pymongo.MongoClient(mongod.uri) as client:
        found = client.admin.command("top")["totals"].get(name, {})
    return found.get(operation, {}).get("count", 0)


def within(seconds: float, ask, wanted):
    """What *ask* says at last: *wanted*, or something else when the *seconds* are over."""
    end = time.monotonic() + seconds
    while (said := ask()) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    return said


# ── what is kept, and for whom ──


def test_a_page_that_is_kept_asks_the_database_nothing(client, store, mongod, settings):
    keep(store, showtime())
    first = client.get("/lviv")
    name = f"{settings.mongodb_database}.showtimes"
    before = asked(mongod, name, "queries") + asked(mongod, name, "commands")

    others = {client.get("/lviv").text for _ in range(20)}

    assert {first.text} == others
    assert before == asked(mongod, name, "queries") + asked(mongod, name, "commands")


def test_a_page_that_is_kept_is_not_made_of_newer_rows(client, store):
    client.get("/lviv")
    keep(store, showtime())

    assert "Film 1" not in client.get("/lviv").text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/lviv", "/kyiv"),
        ("/lviv?lang=en", "/lviv?lang=ua"),
        ("/lviv", "/lviv?by=cinema"),
        ("/lviv", "/lviv?format=3D"),
        ("/lviv?price=100", "/lviv?price=200"),
        ("/lviv?from=morning", "/lviv?from=evening"),
        ("/film/film-1", "/film/film-1?city=lviv"),
        ("/film/film-1", "/film/film-2"),
        ("/", "/?lang=ru"),
    ],
)
def test_pages_that_differ_are_kept_apart(app, store, one, other):
    keep(store, showtime(), showtime(2, price=150, format="3D"))

    pages = [app.test_client().get(path).text for path in (one, other, one, other)]

    assert pages[:2] == pages[2:]
    assert pages[0] != pages[1]


def test_hosts_are_kept_apart(app):
    pages = [app.test_client().get("/lviv", base_url=f"http://{host}").text for host in ("a", "b")]

    assert "http://a/lviv" in pages[0]
    assert "http://b/lviv" in pages[1]
    assert "http://a" not in pages[1]


def test_what_nobody_heeds_in_an_address_is_neither_shown_nor_kept_apart(app):
    client = app.test_client()
    page = client.get("/lviv")
    before = len(caches_of(app).shelves["pages"])

    pages = {client.get(f"/lviv?x={number}&day={EVIL}{number}").text for number in range(50)}

    assert {page.text} == pages
    assert before == len(caches_of(app).shelves["pages"])


def test_the_language_of_one_visitor_is_not_shown_to_another(app):
    ukrainian = app.test_client()
    ukrainian.get("/lviv?lang=ua")

    assert '<html lang="en">' in app.test_client().get("/lviv").text
    assert '<html lang="uk">' in ukrainian.get("/lviv").text


def test_no_cookie_and_no_word_of_one_visitor_is_kept(app):
    first, second = (app.test_client().get("/lviv") for _ in range(2))

    cookies = [page.headers["Set-Cookie"] for page in (first, second)]
    assert all(cookie.startswith("cinestream=") for cookie in cookies)
    assert first.text == second.text


def test_filters_cannot_drive_out_the_pages_that_everybody_looks_at(app, store):
    keep(store, showtime())
    client = app.test_client()
    client.get("/lviv")
    shelves = caches_of(app).shelves

    for number in range(caches.SHELVES["filtered"][0] + 20):
        client.get(f"/lviv?format={number}")

    assert caches.SHELVES["filtered"][0] == len(shelves["filtered"])
    assert 1 == len(shelves["pages"])


def test_a_city_that_there_is_not_is_answered_without_the_database(client, mongod, settings):
    client.get("/lviv")
    name = f"{settings.mongodb_database}.locations"
    before = asked(mongod, name, "queries")

    for number in range(20):
        assert 404 == client.get(f"/no-city-{number}").status_code

    assert asked(mongod, name, "queries") - before <= 1


def test_a_city_that_was_added_has_its_page_within_seconds(client, store):
    assert 404 == client.get("/vyshneve").status_code
    known = store.locations.find_one({"city": "lviv"}, {"_id": False})
    store.locations.insert_one({**known, "city": "vyshneve"})

    assert within(2, lambda: client.get("/vyshneve").status_code, 200) == 200


def test_names_that_are_made_up_cost_one_look_in_a_second(client, store, mongod, settings):
    client.get("/lviv")
    before = asked(mongod, f"{settings.mongodb_database}.locations", "queries")
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert 404 == client.get("/nowhere").status_code

    assert asked(mongod, f"{settings.mongodb_database}.locations", "queries") - before <= 4


def test_hits_and_misses_are_counted(app):
    from showtimes import metrics

    def counted(what: str) -> int:
        found = re.search(rf'cache_{what}_total{{cache="pages"}} (\d+)', metrics.text())
        return int(found[1]) if found else 0

    before = counted("hits"), counted("misses")
    for _ in range(3):
        app.test_client().get("/lviv")

    assert (before[0] + 2, before[1] + 1) == (counted("hits"), counted("misses"))


# ── what a browser is told ──


def test_who_has_the_page_is_told_so_in_few_bytes(client):
    etag = client.get("/lviv").headers["ETag"]

    again = client.get("/lviv", headers={"If-None-Match": etag})

    assert (304, b"", etag) == (again.status_code, again.data, again.headers["ETag"])
    assert "private, no-cache" == again.headers["Cache-Control"]
    assert {"Accept-Encoding", "Accept-Language", "Cookie"} == again.vary.as_set(True)


def test_who_has_another_page_gets_this_one(client):
    etag = client.get("/lviv").headers["ETag"]

    assert 200 == client.get("/kyiv", headers={"If-None-Match": etag}).status_code


def test_the_page_is_sent_compressed_to_who_can_read_that(client):
    plain = client.get("/lviv")
    small = client.get("/lviv", headers={"Accept-Encoding": "gzip, br"})
    refusing = client.get("/lviv", headers={"Accept-Encoding": "gzip;q=0"})

    assert plain.data == refusing.data == gzip.decompress(small.data)
    assert [None, "gzip", None] == [
        page.headers.get("Content-Encoding") for page in (plain, small, refusing)
    ]
    assert plain.headers["ETag"] == refusing.headers["ETag"] != small.headers["ETag"]
    assert not small.headers["ETag"].startswith("W/")


@pytest.mark.parametrize("path", ["/", "/lviv", "/film/film-1", "/nowhere", "/?q=zz"])
def test_every_page_tells_what_it_depends_on(client, store, path):
    keep(store, showtime())

    page = client.get(path)

    assert {"Accept-Language", "Cookie"} <= page.vary.as_set(preserve_casing=True)


# ── how old it may get ──


def test_a_refresh_is_seen_by_every_worker_within_ten_seconds(settings, store):
    workers = [create_app(settings) for _ in range(2)]
    for worker in workers:
        worker.test_client().get("/lviv")
    keep(store, showtime())
    renew(store)

    def seen() -> list[bool]:
        return ["Film 1" in worker.test_client().get("/lviv").text for worker in workers]

    assert [True, True] == within(10, seen, [True, True])
    for worker in workers:
        store_of(worker).close()


def test_who_insists_sees_a_refresh_at_once(client, store):
    client.get("/lviv")
    keep(store, showtime())
    renew(store)

    insisting = client.get("/lviv", headers={"Cache-Control": "no-cache"})

    assert "Film 1" in insisting.text
    assert "Film 1" in client.get("/lviv").text


def test_to_insist_makes_no_page_anew_that_is_as_it_was(app):
    client = app.test_client()
    client.get("/lviv")
    [kept] = caches_of(app).shelves["pages"]._kept.values()

    client.get("/lviv", headers={"Cache-Control": "no-cache"})

    [still] = caches_of(app).shelves["pages"]._kept.values()
    assert kept is still


def test_a_page_is_made_anew_within_a_minute(app):
    made = []
    cache = Caches(caches_of(app).versions)

    def make() -> str:
        made.append(1)
        return "page"

    cache.page("pages", "key", 1, make)
    aged(cache, seconds=caches.KEEP_SECONDS - 2)
    cache.page("pages", "key", 1, make)
    assert 1 == len(made)
    aged(cache, seconds=4)
    cache.page("pages", "key", 1, make)

    assert 2 == len(made)
    assert caches.KEEP_SECONDS < 60


def aged(cache: Caches, seconds: float) -> None:
    """What is kept, as if it had been made so many *seconds* earlier."""
    shelf = cache.shelves["pages"]
    for key, kept in list(shelf._kept.items()):
        shelf.put(key, Kept(kept.page, kept.digest, kept.version, kept.made - seconds))


def test_a_city_whose_holder_died_is_shown_as_stale(settings, store):
    looking = create_app(Settings(settings.mongodb_uri, settings.mongodb_database, "x", "key"))
    lock.acquire(store.locations, "lviv", 0.05)
    time.sleep(0.1)

    page = looking.test_client().get("/lviv")

    assert 'data-look="stale"' in page.text
    store_of(looking).close()


def test_a_lock_that_expires_makes_the_page_anew(settings, store):
    looking = create_app(Settings(settings.mongodb_uri, settings.mongodb_database, "x", "key"))
    client = looking.test_client()
    lock.acquire(store.locations, "lviv", 2)
    assert 'data-look="processing"' in client.get("/lviv").text

    def stale() -> bool:
        return 'data-look="stale"' in client.get("/lviv").text

    assert within(10, stale, wanted=True)
    store_of(looking).close()


# ── how the versions are read ──


def test_many_threads_read_the_versions_once(store, mongod, settings):
    read = Versions(store)
    store.locations.find_one()
    name = f"{settings.mongodb_database}.locations"
    before = asked(mongod, name, "queries")
    told: list[object] = []

    threads = [threading.Thread(target=lambda: told.append(read.known())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 20 == len(told)
    assert 1 == len({id(known) for known in told})
    assert 1 == asked(mongod, name, "queries") - before


def test_a_version_changes_with_what_a_page_is_made_of(store):
    before = Versions(store).known()["lviv"]
    held = lock.acquire(store.locations, "lviv", 60)
    during = Versions(store).known()["lviv"]
    lock.release(store.locations, held, "fresh", updated=True)
    after = Versions(store).known()["lviv"]

    assert ["stale", "processing", "fresh"] == [each.status for each in (before, during, after)]
    assert 3 == len({before, during, after})
    assert isinstance(after, Version)


# ── bounds ──


def kept(size: int) -> Kept:
    return Kept(b"x" * size, "digest", 1, time.monotonic())


def test_a_shelf_has_so_many_entries_at_most_and_drops_the_longest_unused():
    shelf = Shelf(3, 10**6)
    for key in "abc":
        shelf.put(key, kept(1))
    shelf.get("a")

    shelf.put("d", kept(1))

    assert [True, False, True, True] == [shelf.get(key) is not None for key in "abcd"]


def test_a_shelf_has_so_many_bytes_at_most():
    shelf = Shelf(10**6, 100_000)

    for number in range(1_000):
        shelf.put(number, kept(10_000))
        shelf.put(0, kept(5_000))

    assert 0 < shelf.bytes <= 100_000
    assert shelf.bytes == sum(caches.weight(each) for each in shelf._kept.values())


def test_a_page_that_is_larger_than_the_shelf_is_sent_and_not_kept():
    shelf = Shelf(10, 100_000)

    shelf.put("large", kept(200_000))

    assert (0, 0) == (len(shelf), shelf.bytes)


def test_all_shelves_together_are_a_few_mebibytes():
    assert sum(size for _, size in caches.SHELVES.values()) <= 3 * caches.MIB


def test_threads_that_want_one_page_make_it_once(app):
    cache = Caches(caches_of(app).versions)
    made, got = [], []

    def make() -> str:
        made.append(1)
        time.sleep(0.05)
        return "page"

    def ask() -> None:
        with app.app_context():
            got.append(cache.page("pages", "key", 1, make))

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (1, 10) == (len(made), len(got))
    assert not cache._turns


def test_a_page_that_cannot_be_made_leaves_nobody_waiting(app):
    cache = Caches(caches_of(app).versions)

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cache.page("pages", "key", 1, lambda: str(1 / 0))

    assert not cache._turns


# ── without the database ──


def test_pages_that_are_kept_go_on_without_the_database_and_others_say_so(mortal_mongod, caplog):
    app = create_app(Settings(mortal_mongod.uri, "away", "x"))
    client = app.test_client()
    before = client.get("/lviv").text
    again = versions.READ_SECONDS + 0.5
    mortal_mongod.stop()

    answers = []
    end = time.monotonic() + again
    while time.monotonic() < end:
        began = time.monotonic()
        answers.append((client.get("/lviv"), time.monotonic() - began))
        time.sleep(0.1)
    other = client.get("/kyiv")
    mortal_mongod.start()

    assert {(200, before)} == {(page.status_code, page.text) for page, _ in answers}
    # One finds out, within two seconds; and one looks again each second, if it comes to that.
    assert [took for _, took in answers if took > 1.5][1:] == []
    assert (503, "5") == (other.status_code, other.headers["Retry-After"])
    said = [each for each in caplog.records if "pages that are kept" in each.message]
    assert len(said) <= 1
    assert 200 == within(2, lambda: client.get("/kyiv").status_code, 200)
    store_of(app).close()


def test_an_old_page_is_better_than_none_for_an_hour(mortal_mongod):
    app = create_app(Settings(mortal_mongod.uri, "away", "x"))
    client, cache = app.test_client(), caches_of(app)
    client.get("/lviv")
    mortal_mongod.stop()
    aged(cache, seconds=3_000)
    old = client.get("/lviv").status_code
    aged(cache, seconds=3_000)
    older = client.get("/lviv").status_code
    mortal_mongod.start()

    assert (200, 503) == (old, older)
    assert 200 == within(2, lambda: client.get("/lviv").status_code, 200)
    store_of(app).close()


def test_a_worker_that_starts_without_the_database_recovers_by_itself(mortal_mongod):
    mortal_mongod.stop()
    app = create_app(Settings(mortal_mongod.uri, "later", "x"))
    client = app.test_client()
    away = client.get("/lviv").status_code
    mortal_mongod.start()

    assert 503 == away
    assert 200 == within(2, lambda: client.get("/lviv").status_code, 200)
    store_of(app).close()
