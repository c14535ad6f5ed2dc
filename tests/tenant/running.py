"""
What the claims about runs are made with: a page about tomorrow, an API that never answers, and the
children of a process.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gathering import KEY, URL
from messages_api import Reply, fetched, listening, message

KYIV = ZoneInfo("Europe/Kyiv")
TOMORROW = (datetime.now(KYIV) + timedelta(days=1)).date()
PAGE = f"""\
Розклад на {TOMORROW.day} число, завтра
Дюна 3  19:30  IMAX  180 грн
Дюна 3  21:45  2D  150 грн
"""
ROW: dict[str, Any] = {
    "cinema": "Кінотеатр Жовтень",
    "title": "Дюна 3",
    "title_en": "Dune: Part Three",
    "title_ua": "Дюна 3",
    "title_ru": "",
    "date": str(TOMORROW),
    "time": "19:30",
    "format": "IMAX",
    "language": "ua",
    "price": 180,
    "link": "",
    "quote": "Дюна 3 19:30 IMAX",
}


def page(words: str = PAGE, url: str = URL, **usage: Any) -> Reply:
    return message(*fetched(url, "Кінотеатр Жовтень", words), fetches=1, **usage)


def row(**words: Any) -> dict[str, Any]:
    return {**ROW, **words}


def keyed(settings, url: str, **limits: Any):
    """*settings* with a key, for the API at *url*."""
    from showtimes.settings import Gathering

    return replace(
        settings,
        anthropic_api_key=KEY,
        anthropic_base_url=url,
        gathering=Gathering(**limits),
    )


@dataclass
class Silence:
    """An API that hears requests and never answers."""

    url: str = ""
    asked: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def silent() -> Iterator[Silence]:
    silence = Silence()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

        def do_POST(self) -> None:
            silence.asked.set()
            silence.over.wait(120)

    with listening(Handler) as port:
        silence.url = f"http://127.0.0.1:{port}"
        try:
            yield silence
        finally:
            silence.over.set()


def until(found: Callable[[], Any], seconds: float = 30) -> Any:
    """What *found* tells once it is something."""
    end = time.monotonic() + seconds
    while not (told := found()):
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)
    return told


def children(pid: int | None = None) -> list[int]:
    """Those of *pid* that still run, or of this process."""
    parent = pid or os.getpid()
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, ppid = (each / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(ppid) == parent and state != "Z":
                found.append(int(each.name))
    return found


def agents(pid: int | None = None) -> list[int]:
    """The children that gather."""
    return [child for child in children(pid) if b"gather" in command(child)]


def command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def lives(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def now() -> datetime:
    return datetime.now(UTC)
