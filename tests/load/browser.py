"""
A visitor's browser: a real Chromium with a page that asks its site in many loops at once.

What it asks again by itself nobody sees from outside.  Its own log tells, and that of one thing it
fails by itself: a request that it was about to put on a connection on which the goodbye (GOAWAY)
has just come is given up unsent, with `ERR_FAILED` (`SpdySession::TryCreateStream` in its source).
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from cinestream_ops.lab import Lab
from tests.load import streets
from tests.load.crowd import FORM, FORM_BYTES, Answer

SCRIPT = (Path(__file__).parent / "page.js").read_text()
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE = 60  # seconds for one answer
FAILED = -2  # `ERR_FAILED`
REFUSED_STREAM = -351  # `ERR_HTTP2_SERVER_REFUSED_STREAM`: above the last one of a GOAWAY


@dataclass(frozen=True)
class Loops:
    """How many loops ask for what, all at once; seconds between two requests of one."""

    quick: int
    slow: int
    forms: int
    pause: float
    slow_seconds: int

    def words(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "quick": self.quick,
            "slow": self.slow,
            "forms": self.forms,
            "pause": self.pause,
            "slowSeconds": self.slow_seconds,
            "formBytes": FORM_BYTES,
            "patience": PATIENCE,
        }


@dataclass(frozen=True)
class Visit:
    """What a page was answered, by token, and how often by which protocol."""

    answers: dict[str, Answer]
    protocols: dict[str, int]

    @property
    def lost(self) -> set[str]:
        return {token for token, each in self.answers.items() if each.failure}

    @property
    def forms(self) -> set[str]:
        return {token for token, each in self.answers.items() if each.kind == FORM}


@dataclass(frozen=True)
class Log:
    """
    The connections of a browser and how many of them were said goodbye on.

    *again* counts by error what it asked again, *unsent* are the tokens of what it gave up unsent.
    """

    connections: int
    goodbyes: int
    again: Counter[int]
    unsent: set[str]


@dataclass(frozen=True)
class Tab:
    """A page that asks until it is left."""

    page: Page

    def leave(self) -> Visit:
        told = self.page.evaluate("leave()")
        since = time.time() - time.monotonic()
        answers = {row["token"]: answer(row, since) for row in told["rows"]}
        return Visit(answers, told["protocols"])


@contextmanager
def opened(lab: Lab, site: str, loops: Loops, name: str, log: Path) -> Iterator[Tab]:
    """A page of *site* that asks for as long as nobody leaves it; *name* begins its tokens."""
    with streets.remote(lab) as (space, address), sync_playwright() as playwright:
        flags = [f"--host-resolver-rules=MAP {site} {address}", f"--log-net-log={log}"]
        chromium = playwright.chromium.launch(
            executable_path=program(space, log.parent), args=[*FLAGS, *flags]
        )
        page = chromium.new_page(ignore_https_errors=True)
        page.goto(f"https://{site}/")
        page.evaluate(SCRIPT, loops.words(name))
        yield Tab(page)
        # The log is whole once it is closed.
        chromium.close()


def program(space: str, folder: Path) -> Path:
    """Chromium in the network namespace *space*."""
    script = folder / "chromium"
    script.write_text(f'#!/bin/sh\nexec ip netns exec {space} {CHROMIUM} "$@"\n')
    script.chmod(0o755)
    return script


def answer(row: dict[str, Any], since: float) -> Answer:
    """*row* of a page; its clock is ahead of the monotonic one by *since* seconds."""
    token, *told = row["body"].split(" ")
    process, port, release = told if len(told) == 3 else ("", "", "")
    return Answer(
        kind=row["kind"],
        visitor=row["visitor"],
        source="",
        asked=row["asked"] / 1000 - since,
        seconds=row["took"] / 1000,
        status=row["status"],
        process=process,
        port=port,
        release=release,
        crossed=False,
        failure=row["failure"] or fault(row, token),
    )


def fault(row: dict[str, Any], token: str) -> str:
    """What is wrong with the answer in *row*, if anything."""
    if row["status"] != 200:
        return f"status {row['status']}"
    return "" if token == row["token"] else f"the page of another: {row['body'][:80]!r}"


def read(log: Path) -> Log:
    """The log of a browser that was closed."""
    told = json.loads(log.read_text())
    kinds = {number: kind for kind, number in told["constants"]["logEventTypes"].items()}
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in told["events"]:
        events[kinds[each["type"]]].append({"of": each["source"]["id"], **each.get("params", {})})
    requests = events["REQUEST_ALIVE"]
    addresses = {each["of"]: each["url"] for each in requests if "url" in each}
    given_up = {each["of"] for each in requests if each.get("net_error") == FAILED}
    given_up -= {each["of"] for each in events["HTTP_TRANSACTION_SEND_REQUEST"]}
    return Log(
        connections=sum("host" in each for each in events["HTTP2_SESSION"]),
        goodbyes=len(events["HTTP2_SESSION_RECV_GOAWAY"]),
        again=Counter(each["net_error"] for each in events["HTTP_TRANSACTION_RESTART_AFTER_ERROR"]),
        unsent={addresses[each].rpartition("token=")[2] for each in given_up},
    )
