"""
Claims about the whole tenant: its own `main.py`, a real database, a real Chromium.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from showtimes import schedule
from showtimes.schedule import Showtime
from tenant_processes import SOURCE, get

pytestmark = pytest.mark.tenant

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}


@pytest.fixture
def site(house, settings):
    house.env(
        MONGODB_URI=settings.mongodb_uri,
        MONGODB_DATABASE=settings.mongodb_database,
        SECRET_KEY=settings.secret_key,
    )
    return house.start(str(SOURCE / "main.py"), "--port", str(house.port)).ready()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, site) -> Iterator[Page]:
    with browser.new_context(base_url=f"http://127.0.0.1:{site.port}") as context:
        yield context.new_page()


@pytest.fixture
def programme(store) -> None:
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    rows = [
        Showtime(
            city="lviv",
            cinema_id=f"c{number % 3}",
            cinema_name=f"Кінотеатр {number % 3}",
            film=f"f{number % 5}",
            movie={"en": "A Film with a Rather Long Name", "ua": "Фільм", "ru": "Фильм"},
            start_time=start + timedelta(hours=number),
            format="3D",
            price=200,
            buy_link="https://cinema.example/",
        )
        for number in range(60)
    ]
    schedule.keep(store.showtimes, rows, datetime.now(UTC))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("code", ["en", "ua", "ru"])
def test_pages_open_without_a_complaint_and_fit_the_screen(page, programme, code, size):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_viewport_size(SIZES[size])

    for path in ("/", "/lviv", "/kyiv"):
        page.goto(f"{path}?lang={code}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path

    assert [] == complaints


def test_a_visitor_finds_a_city_and_its_tickets_by_keyboard_in_their_language(page, programme):
    page.goto("/")
    page.get_by_title("Українська").click()
    page.get_by_role("searchbox", name="Ваше місто").fill("льві")

    page.keyboard.press("Enter")

    page.wait_for_url("**/lviv")
    assert "Львів" == page.get_by_role("heading", level=1).inner_text()
    assert "uk" == page.locator("html").get_attribute("lang")
    assert 60 == page.locator("a.time").count()


def test_the_bundled_tenant_is_ready_only_with_its_database(house, mortal_mongod):
    house.env(MONGODB_URI=mortal_mongod.uri, MONGODB_DATABASE="t", SECRET_KEY="x")
    worker = house.start(str(SOURCE / "main.py")).ready()
    assert 200 == get(worker.port, "/readyz").status

    mortal_mongod.stop()
    away = get(worker.port, "/readyz")
    mortal_mongod.start()

    assert 503 == away.status
    assert away.text.startswith("the database does not answer")
    assert 200 == get(worker.port, "/healthz").status
    assert 200 == get(worker.port, "/readyz").status


def test_a_worker_never_loads_the_claude_sdk(site):
    get(site.port, "/")
    get(site.port, "/lviv")

    # Its compiled dependencies would be mapped.
    loaded = Path(f"/proc/{site.process.pid}/maps").read_text()
    assert "/markupsafe/" in loaded
    assert "/pydantic_core/" not in loaded
    assert "/jiter/" not in loaded
