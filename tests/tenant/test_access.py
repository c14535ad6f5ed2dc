"""
Claims about who can use the pages: whoever sees little, has a keyboard alone, or thumbs.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import axe
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from showtimes import schedule
from showtimes.schedule import Showtime
from tenant_processes import SOURCE

pytestmark = pytest.mark.tenant

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
KINDS = {
    "home": "/",
    "no such city": "/?q=zz",
    "nearest": "/?near=49.84,24.03",
    "by film": "/lviv",
    "by cinema": "/lviv?by=cinema",
    "with filters": "/lviv?price=200",
    "nothing fits": "/lviv?price=1",
    "no showtimes": "/poltava",
    "being looked at": "/odesa",
    "film": "/film/odyssey",
    "film that is over": "/film/over",
    "error": "/nowhere",
}
# What has the focus, if it shows and nothing lies over it: by its class, or else its name.
FOCUS = """() => {
  const focused = document.activeElement;
  const rings = [];
  for (let each = focused; each; each = each.parentElement) {
    const style = each.matches(":focus-visible, :focus-within") ? getComputedStyle(each) : {};
    if (style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 2) rings.push("outline");
    if ((style.boxShadow ?? "").includes("inset")) rings.push("shadow");
  }
  const box = focused.getBoundingClientRect();
  const over = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  if (!rings.length) return "no ring";
  if (!focused.contains(over)) return "covered";
  return focused.classList[0] || focused.id || focused.localName;
}"""
# Boxes that a thumb has to hit and cannot: links in running text are allowed to be as high as it.
SMALL = """() => [...document.querySelectorAll("a, button, summary, select, input:not([type=hidden])")]
  .filter(each => !each.closest("p:not(.crumb, .near), h2, .skip"))
  .map(each => [each, each.matches(".search *") ? each.parentElement : each])
  .filter(([, box]) => box.checkVisibility() && box.getBoundingClientRect().height < 43.5
    && box.getBoundingClientRect().width > 0)
  .map(([each, box]) => `${each.outerHTML.slice(0, 90)} ${box.getBoundingClientRect().height}`)"""


@pytest.fixture
def site(house, settings, store):
    fill(store)
    house.env(
        MONGODB_URI=settings.mongodb_uri,
        MONGODB_DATABASE=settings.mongodb_database,
        SECRET_KEY=settings.secret_key,
        ANTHROPIC_API_KEY="is-there-and-not-used",
    )
    return house.start(str(SOURCE / "main.py"), "--port", str(house.port)).ready()


def fill(store) -> None:
    """A city with a programme, one that is looked at just now, and a film that is over."""
    now = datetime.now(UTC)
    noon = now.replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=1)
    rows = [showing(noon + timedelta(hours=number % 7), number) for number in range(28)]
    over = Showtime("lviv", "k", "Коперник", "over", {"en": "Over"}, now - timedelta(days=2))
    schedule.keep(store.showtimes, [*rows, over], now)
    looked = {"status": "fresh", "last_updated": now - timedelta(hours=30)}
    looking = {"status": "processing", "lock": {"token": "x", "expires": now + timedelta(hours=1)}}
    store.locations.update_one({"city": "lviv"}, {"$set": looked})
    store.locations.update_one({"city": "odesa"}, {"$set": looking})


def showing(start: datetime, number: int) -> Showtime:
    return Showtime(
        city="lviv",
        cinema_id=f"k{number % 2}",
        cinema_name=("Коперник", "Кінопалац на площі Ринок")[number % 2],
        film="odyssey" if number % 3 else "b",
        movie={"en": "The Odyssey", "ua": "Одіссея"} if number % 3 else {"en": "B"},
        start_time=start,
        format=("2D", "IMAX")[number % 2],
        language=("ua", "original")[number % 4 == 0],
        price=None if number % 5 == 0 else 150 + number,
        buy_link="" if number % 7 == 0 else f"https://cinema.example/{number}",
        source="https://cinema.example/",
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield browser
        browser.close()


@pytest.mark.parametrize(("scheme", "code"), [("light", "en"), ("dark", "ua")])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_axe_finds_nothing_on_any_kind_of_page(browser, site, size, scheme, code):
    address = f"http://127.0.0.1:{site.port}"
    with browser.new_context(base_url=address, color_scheme=scheme, viewport=size) as context:
        page = context.new_page()
        found = {kind: faults(page, path, code) for kind, path in KINDS.items()}

    assert {kind: [] for kind in KINDS} == found


def faults(page: Page, path: str, code: str) -> list[str]:
    opened(page, f"{path}{'&' if '?' in path else '?'}lang={code}")
    return axe.violations(page)


def opened(page: Page, path: str) -> None:
    answer = page.goto(path)
    assert (404 if path.startswith("/nowhere") else 200) == answer.status, path


def test_axe_would_find_something(browser, site):
    with browser.new_context(base_url=f"http://127.0.0.1:{site.port}") as context:
        page = context.new_page()
        page.goto("/")
        page.evaluate("document.documentElement.removeAttribute('lang')")

        assert axe.violations(page)[0].startswith("html-has-lang")


def test_what_is_pressed_on_a_phone_is_as_high_as_a_thumb(browser, site):
    with browser.new_context(
        base_url=f"http://127.0.0.1:{site.port}", viewport=PHONE, has_touch=True, is_mobile=True
    ) as context:
        page = context.new_page()
        for path in KINDS.values():
            opened(page, path)
            assert [] == page.evaluate(SMALL), path


@pytest.mark.parametrize("width", [320, 390, 640, 641, 800, 1024, 1025, 1280])
def test_all_days_of_the_week_fit_any_screen(browser, site, width):
    with browser.new_context(
        base_url=f"http://127.0.0.1:{site.port}", viewport={"width": width, "height": 640}
    ) as context:
        page = context.new_page()
        for code in ("en", "ua", "ru"):
            page.goto(f"/lviv?lang={code}")
            days = page.locator(".days > *")
            assert 7 == days.count()
            boxes = [days.nth(number).bounding_box() for number in range(7)]
            assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_days_stay_in_view(browser, site):
    with browser.new_context(
        base_url=f"http://127.0.0.1:{site.port}", viewport=PHONE, reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        page.goto("/lviv")
        page.evaluate("scrollTo(0, 900)")

        assert 0 <= page.locator(".days").bounding_box()["y"] < 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_keyboard_leads_from_the_home_page_to_a_ticket_and_shows_where_it_is(
    browser, site, size, scheme
):
    with browser.new_context(
        base_url=f"http://127.0.0.1:{site.port}",
        viewport=size,
        color_scheme=scheme,
        reduced_motion="reduce",
    ) as context:
        page = context.new_page()
        page.goto("/?lang=en")
        tab_to(page, "q")
        page.keyboard.type("lviv")
        page.keyboard.press("Enter")
        page.wait_for_url("**/lviv")

        tab_to(page, "summary")
        page.keyboard.press("Enter")
        tab_to(page, "f-format")
        page.keyboard.type("IMAX")
        tab_to(page, "button")
        page.keyboard.press("Enter")
        page.wait_for_url("**format=IMAX**")
        tab_to(page, "time")

        link = page.evaluate("document.activeElement.href")
        assert link.startswith("https://cinema.example/")


def tab_to(page: Page, name: str) -> None:
    """Press the tab key until *name* has the focus, which must show at each stop on the way."""
    for _ in range(200):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUS)
        assert focused not in {"no ring", "covered"}, page.evaluate(
            "document.activeElement.outerHTML"
        )
        if focused == name:
            return
    raise AssertionError(f"the tab key never came to {name}")
