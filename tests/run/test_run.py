"""
Claims about `make run`: it serves an invented programme, fills a city when asked, and ends whole.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("site_template/src", "tests/run", "tests/tenant")
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
START_SECONDS = 60
END_SECONDS = 30

pytestmark = pytest.mark.tenant


@dataclass
class Run:
    process: subprocess.Popen[str]
    scratch: Path
    url: str = ""

    def get(self, path: str = "/") -> str:
        connection = HTTPConnection(self.url.removeprefix("http://").rstrip("/"), timeout=10)
        connection.request("GET", path)
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def interrupt(self) -> int:
        """As a terminal does it: every process of the foreground hears it."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(END_SECONDS)


@contextmanager
def running(scratch: Path, root: Path = ROOT) -> Iterator[Run]:
    scratch.mkdir()
    log = scratch.with_suffix(".log")
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, root / "tests" / "run" / "run.py", "--pace", "1"],
            env={**os.environ, "TMPDIR": str(scratch)},
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        yield Run(process, scratch, told(log, process))
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(END_SECONDS)


def told(log: Path, process: subprocess.Popen[str]) -> str:
    """The address that it says, when it serves."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"^  (http://\S+)$", log.read_text(), re.MULTILINE):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser.new_page()
        browser.close()


def family(pid: int) -> set[int]:
    """It and all that came of it."""
    found = {pid}
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found |= family(int(child))
    return found


def grown(pid: int, least: int) -> set[int]:
    """Its family, once it has so many: the page speaks of a look just before that is begun."""
    end = time.monotonic() + START_SECONDS
    while len(found := family(pid)) < least:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def alive(pids: set[int]) -> list[str]:
    """The commands of those that run."""
    found = []
    for pid in pids:
        status = Path(f"/proc/{pid}/stat")
        if status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
            found.append(Path(f"/proc/{pid}/cmdline").read_text())
    return found


def test_a_city_is_full_at_once_and_says_that_it_is_a_sample(tmp_path, page):
    with running(tmp_path / "run") as run:
        page.goto(run.url)
        page.get_by_role("link", name="Kyiv").first.click()
        # Of a whole day: late in the evening little is left of today.
        page.locator("nav.days a").nth(1).click()
        page.wait_for_url("**/kyiv?day=*")

        titles = page.locator(".film h3")
        assert 3 < titles.count()
        assert all(title.endswith("(sample)") for title in titles.all_inner_texts())
        page.goto(f"{page.url}&lang=ru")
        assert all(title.endswith("(образец)") for title in titles.all_inner_texts())
        assert "https://example.com/" in run.get("/kyiv")


def test_another_is_filled_when_the_visitor_asks(tmp_path, page):
    with running(tmp_path / "run") as run:
        page.goto(f"{run.url}poltava?lang=ua")
        assert 0 == page.locator(".time").count()

        page.get_by_role("button", name="Знайти сеанси зараз").click()

        page.get_by_text("Розклад сеансів оновлено.").wait_for(timeout=60_000)
        assert 0 < page.locator(".time").count()
        assert page.locator(".film h3").first.inner_text().endswith("(зразок)")


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "in the middle of a look"])
def test_ctrl_c_leaves_no_process_and_no_file(tmp_path, page, busy):
    with running(tmp_path / "run") as run:
        if busy:
            page.goto(f"{run.url}poltava?lang=en")
            page.get_by_role("button", name="Look for showtimes now").click()
            page.get_by_text("Looking for showtimes right now").wait_for()
        before = grown(run.process.pid, 4 if busy else 3)

        assert 0 == run.interrupt()

        assert [] == alive(before)
        assert [] == list(run.scratch.iterdir())


def test_a_changed_template_is_served_without_a_word(tmp_path):
    tree = tmp_path / "tree"
    for part in PARTS:
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    template = tree / "site_template/src/showtimes/templates/home.html"
    with running(tmp_path / "run", tree) as run:
        assert "Quite another" not in run.get()

        template.write_text(template.read_text().replace("<h1>", "<h1>Quite another: "))

        end = time.monotonic() + START_SECONDS
        while "Quite another" not in (html := run.get()):
            assert time.monotonic() < end, html
            time.sleep(0.2)
