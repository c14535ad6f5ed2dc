"""
Claims about the whole tenant: its own `main.py`, a real database, a real Chromium.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from answering import answering
from gathering import KEY
from playwright.sync_api import Browser, Page, sync_playwright
from showtimes import lock, schedule
from showtimes.schedule import Showtime
from tenant_processes import SOURCE, Worker, free_port, get

pytestmark = pytest.mark.tenant

KYIV = ZoneInfo("Europe/Kyiv")
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

    for path in ("/", "/lviv", "/lviv?by=cinema&price=200", "/lviv?price=1", "/kyiv", "/film/f1"):
        page.goto(f"{path}{'&' if '?' in path else '?'}lang={code}")
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
    assert 0 < page.locator("a.time").count()


@pytest.fixture
def two_days(store) -> tuple[str, str]:
    """Tomorrow in two formats, and the day after; their dates."""
    noon = datetime.now(KYIV).replace(hour=12, minute=0, second=0, microsecond=0)
    first, second = noon + timedelta(days=1), noon + timedelta(days=2)
    keep_rows(store, row(first, "2D"), row(first + timedelta(hours=7), "3D"), row(second, "2D"))
    return str(first.date()), str(second.date())


def row(start: datetime, kind: str) -> Showtime:
    return Showtime(
        city="lviv",
        cinema_id="k",
        cinema_name="Коперник",
        film="odyssey",
        movie={"en": "The Odyssey", "ua": "Одіссея"},
        start_time=start,
        format=kind,
        buy_link="https://cinema.example/",
    )


def keep_rows(store, *rows: Showtime) -> None:
    schedule.keep(store.showtimes, rows, datetime.now(UTC))


def times(page: Page) -> list[str]:
    return page.locator(".time time").all_inner_texts()


def test_days_filters_and_languages_lead_to_each_other(page, two_days):
    page.goto("/lviv?lang=en")
    page.locator(".days a").nth(1).click()
    page.wait_for_url(f"**/lviv?day={two_days[1]}")
    assert ["12:00"] == times(page)

    page.locator(".days a").nth(0).click()
    page.get_by_text("Filters").click()
    page.get_by_label("Format").select_option("3D")
    page.get_by_role("button", name="Show", exact=True).click()

    page.wait_for_url("**format=3D**")
    assert ["19:00"] == times(page)
    page.get_by_title("Українська").click()
    page.get_by_role("link", name="Скинути фільтри").wait_for()
    assert ["19:00"] == times(page)
    page.get_by_role("link", name="Скинути фільтри").click()
    page.wait_for_url(f"**/lviv?day={two_days[0]}")
    assert ["12:00", "19:00"] == times(page)


def test_the_keyboard_alone_reaches_the_chips_and_the_calendar(page, two_days):
    page.goto("/lviv?lang=en")
    reached = tabbed(page, 30)

    assert ["skip", "brand"] == reached[:2]
    assert 2 == reached.count("time")

    page.goto("/film/odyssey")
    order = [name for name in tabbed(page, 30) if name in {"time", "keep"}]
    assert ["time", "keep"] * 3 == order


def tabbed(page: Page, most: int) -> list[str]:
    """The classes of what has the focus, in the order of the tab key, once around."""
    reached: list[str] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.className")
        if reached and name == "skip":
            break
        reached.append(name)
    return reached


def test_everything_but_polling_works_without_scripts(browser, site, two_days):
    address = f"http://127.0.0.1:{site.port}"
    with browser.new_context(base_url=address, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"/lviv?lang=en&day={two_days[0]}")
        page.get_by_text("Filters").click()
        page.get_by_label("Time", exact=True).select_option("evening")
        page.get_by_role("button", name="Show", exact=True).click()
        page.wait_for_url("**from=evening**")
        assert ["19:00"] == times(page)
        page.get_by_role("link", name="The Odyssey").click()
        page.wait_for_url("**/film/odyssey?city=lviv")
        assert 3 == page.locator("a.keep").count()
        page.goto("/")
        assert not page.get_by_role("button", name="nearest").is_visible()


def test_a_shared_position_leads_to_the_nearest_cities(browser, site):
    with browser.new_context(
        base_url=f"http://127.0.0.1:{site.port}",
        geolocation={"latitude": 49.839683, "longitude": 24.029717},
        permissions=["geolocation"],
    ) as context:
        page = context.new_page()
        page.goto("/?lang=en")

        page.get_by_role("button", name="Show the cities nearest to me").click()

        page.wait_for_url("**/?near=49.84,24.03")
        assert page.locator(".card").first.inner_text().startswith("Lviv")


# ── a new look at the cinemas ──


@pytest.fixture
def looking(house, settings, browser) -> Iterator[Callable[..., tuple[Page, Worker]]]:
    """A page of a worker that may look, by the API at an address; and that worker."""
    with ExitStack() as stack:

        def serve(api: str, **limits: str) -> tuple[Page, Worker]:
            house.env(
                MONGODB_URI=settings.mongodb_uri,
                MONGODB_DATABASE=settings.mongodb_database,
                SECRET_KEY=settings.secret_key,
                ANTHROPIC_API_KEY=KEY,
                ANTHROPIC_BASE_URL=api,
                **limits,
            )
            worker = house.start(str(SOURCE / "main.py"), "--port", str(house.port)).ready()
            address = f"http://127.0.0.1:{worker.port}"
            context = stack.enter_context(browser.new_context(base_url=address))
            return context.new_page(), worker

        yield serve


@pytest.fixture
def nobody() -> str:
    """The address of an API that is not there."""
    return f"http://127.0.0.1:{free_port()}"


def test_a_look_is_told_in_words_and_ends_with_the_programme_in_place(looking):
    with answering(seconds=8) as claude:
        page, _ = looking(claude.url)
        page.goto("/lviv?lang=ua")
        page.evaluate("window.same = true")

        page.get_by_role("button", name="Знайти сеанси зараз").click()

        page.get_by_text("Саме зараз шукаємо сеанси…").wait_for()
        page.locator(".busy").get_by_text("Шукаємо кінотеатри…").wait_for()
        page.locator(".busy").get_by_text("Вибираємо сеанси…").wait_for()
        page.get_by_text("Розклад сеансів оновлено.").wait_for()
        page.locator("#said:not(.busy)").wait_for()
        assert 2 == claude.begun
    assert "Дюна 3" in page.locator("#programme").inner_text()
    assert ["19:30"] == times(page)
    assert 0 == page.locator("form.look").count()
    assert page.evaluate("window.same")


def test_a_page_that_is_opened_during_a_look_follows_it_at_once(looking, nobody, store):
    held = lock.acquire(store.locations, "lviv", 300)
    lock.tell(store.locations, held, {"step": "reading", "done": 2, "of": 5})
    page, _ = looking(nobody)

    page.goto("/lviv?lang=en")
    page.get_by_text("Reading the cinemas’ pages: 2 of 5").wait_for()
    keep_rows(store, row(datetime.now(UTC) + timedelta(days=1), "3D"))
    lock.release(store.locations, held, "fresh", updated=True)

    page.get_by_text("The showtimes are up to date.").wait_for()
    assert 1 == page.locator("a.time").count()


def test_a_look_that_finds_nothing_leaves_the_page_as_it_was(looking, nobody, store):
    keep_rows(store, row(datetime.now(UTC) + timedelta(days=1), "3D"))
    page, _ = looking(nobody)
    page.goto("/lviv?lang=en")

    page.get_by_role("button", name="Look for showtimes now").click()

    page.get_by_text("The look has ended, and nothing new was found.").wait_for()
    assert 1 == page.locator("a.time").count()


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"AI_STARTS_PER_HOUR": "0"}, "Many people are asking right now."),
        ({"AI_DAILY_USD": "0"}, "That was enough looking for one day."),
    ],
)
@pytest.mark.parametrize("scripts", [True, False])
def test_a_look_that_is_refused_is_told_politely(looking, nobody, browser, scripts, limit, words):
    page, worker = looking(nobody, **limit)
    if not scripts:
        address = f"http://127.0.0.1:{worker.port}"
        page = page.context.browser.new_page(base_url=address, java_script_enabled=False)
    page.goto("/lviv?lang=en")
    button = page.get_by_role("button", name="Look for showtimes now")

    button.click()

    page.get_by_text(words).wait_for()
    if scripts:
        assert page.get_by_role("status").get_by_text(words).is_visible()
        assert button.is_enabled()


def test_a_site_that_is_gone_is_told_politely(looking, nobody):
    page, _ = looking(nobody)
    page.goto("/lviv?lang=en")
    button = page.get_by_role("button", name="Look for showtimes now")
    page.context.set_offline(True)

    button.click()

    page.get_by_role("status").get_by_text("The connection was lost.").wait_for()
    assert button.is_enabled()


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
