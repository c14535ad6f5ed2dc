"""
A run of `gather` as a real child process, and the page that the claims about it are made with.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from messages_api import Api, Reply, fetched, message
from tenant_processes import SOURCE

KEY = "sk-ant-not-a-key-but-secret"
URL = "https://kino.invalid/kyiv"
PAGE = """\
Розклад на 25 листопада
Дюна 3  19:30  IMAX  180 грн  https://kino.invalid/buy/1
Дюна 3  21:45  2D  150 грн  https://tickets.kino.invalid/buy/2
Вчора: 24.11 10:00. Потім 5 грудня 12:15.
http://kino.invalid/plain  https://10.0.0.1/x  https://u:p@kino.invalid/x  https://evil.invalid/x
https://kino.invalid:8443/x
"""
JOB: dict[str, Any] = {
    "city": {
        "slug": "kyiv",
        "names": {"en": "Kyiv", "ua": "Київ", "ru": "Киев"},
        "country": "UA",
        "zone": "Europe/Kyiv",
        "at": [30.5238, 50.45466],
    },
    "now": "2026-11-24T16:00:00+00:00",
    "pages": [URL],
    "days": 7,
    "model": "claude-haiku-5-5",
    "effort": "medium",
    "searches": 3,
    "fetches": 4,
    "page_tokens": 6000,
    "continuations": 4,
    "hosts": [],
}
ROW: dict[str, Any] = {
    "cinema": "Кінотеатр Жовтень",
    "title": "Дюна 3",
    "title_en": "Dune: Part Three",
    "title_ua": "Дюна 3",
    "title_ru": "",
    "date": "2026-11-25",
    "time": "19:30",
    "format": "IMAX",
    "language": "ua",
    "price": 180,
    "link": "",
    "quote": "Дюна 3 19:30 IMAX",
}


def read_page(words: str = PAGE, **usage: Any) -> Reply:
    return message(*fetched(URL, "Кінотеатр Жовтень", words), fetches=1, **usage)


def lie(**words: Any) -> dict[str, Any]:
    return {**ROW, **words}


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def end(self) -> dict[str, Any]:
        return self.events[-1]


def environ(api: Api | None) -> dict[str, str]:
    """All that the worker hands down."""
    base = {"ANTHROPIC_BASE_URL": api.url} if api else {}
    return {"ANTHROPIC_API_KEY": KEY, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **base}


def gather(
    api: Api | None = None,
    *,
    program: tuple[str, ...] = ("-m", "gather"),
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    **job: Any,
) -> Run:
    done = subprocess.run(
        [sys.executable, *program],
        input=stdin or json.dumps({**JOB, **job}).encode(),
        env={**(environ(api) if env is None else env), "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    run = Run(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert KEY not in run.out + run.err
    return run
