"""
What the bundled tenant costs, beside its goals: memory, start, and speed behind nginx.

    python benchmarks/tenant.py [--rounds N] [--seconds S]

Speeds are ratios of the same round: the tenant's 24 workers beside gunicorn with as many processes
of the same application, beside a bare Flask application on as many workers of ours, and nginx's
cache beside a file.  A round asks each of them in turn, since machines are noisy.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from pathlib import Path

from rich.console import Console
from rich.table import Table
from street import CITY, PORTS, SHOWTIMES, Load, Street, cpu_seconds, pss_mib, street
from tenant_processes import get

REQUESTS = 1_000
STARTS = 5
PAGE = f"city page, {SHOWTIMES} showtimes"
PEERS = ("gunicorn, 4 threads each", "gunicorn, sync")
BARE = "bare Flask"
HOME = "home page without a session"
FILE = "the same bytes as a file"
LANGUAGES = ("en", "uk", "ru")
PAGES = ("/", f"/{CITY}", f"/{CITY}?by=cinema", "/lviv", "/film/sample-1", "/odesa")


def main() -> None:
    options = arguments()
    table = Table("WHAT", "IS", "GOAL", title=f"{len(PORTS)} workers", title_justify="left")
    with street() as here:
        for row in (
            *starting(here),
            *remembering(here),
            *running(here, options.seconds, options.rounds),
        ):
            table.add_row(*row)
    Console(width=110).print(table)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of load on each, in each round")
    return parser.parse_args()


Row = tuple[str, str, str]


def starting(here: Street) -> Iterator[Row]:
    """One worker after the other, and then all at once."""
    alone = statistics.median(cpu_of_a_start(here) for _ in range(STARTS))
    yield "CPU of a worker from start to ready", f"{alone:.2f} s", "0.6 s"
    began = time.perf_counter()
    here.open()
    took = time.perf_counter() - began
    yield "all ready, by 12 times that", f"{took / (12 * alone):.2f} ({took:.1f} s)", "1.3"


def cpu_of_a_start(here: Street) -> float:
    worker = here.worker(PORTS[0])
    spent = cpu_seconds(worker.process.pid)
    worker.stop()
    return spent


def remembering(here: Street) -> Iterator[Row]:
    """After a thousand requests to each, of pages in three languages."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, PORTS))
    each = [pss_mib(worker.process.pid) for worker in here.workers]
    yield f"memory of a worker after {REQUESTS:,} requests (PSS)", f"{max(each):.1f} MiB", "35 MiB"
    yield "memory of all", f"{sum(each):.0f} MiB", "800 MiB"
    loaded = [worker for worker in here.workers if maps_anthropic(worker.process.pid)]
    yield "workers that loaded `anthropic`", str(len(loaded)), "0"


def ask(port: int) -> None:
    for number in range(REQUESTS):
        language = LANGUAGES[number // len(PAGES) % len(LANGUAGES)]
        answer = get(port, PAGES[number % len(PAGES)], {"Accept-Language": language})
        if answer.status != 200:
            raise SystemExit(f"port {port}: {answer.status}\n{answer.text[:500]}")


def maps_anthropic(pid: int) -> bool:
    """Whether compiled parts that only the SDK brings are mapped into the process."""
    mapped = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
    return "pydantic_core" in mapped or "jiter" in mapped


def running(here: Street, seconds: int, rounds: int) -> Iterator[Row]:
    here.open_peers()
    here.lay_file("home.html", "/")
    loads(here, seconds)  # until every worker has what it needs in memory
    measured = [loads(here, seconds) for _ in range(rounds)]

    def ratio(one: str, other: str, what: str) -> str:
        of = attrgetter(what)
        return f"{statistics.median(of(each[one]) / of(each[other]) for each in measured):.2f}"

    for name in measured[0]:
        yield name, told([each[name] for each in measured]), ""
    for peer in PEERS:
        yield f"city page by {peer}", ratio(PAGE, peer, "speed"), "at least 1"
        yield "  its p99", ratio(PAGE, peer, "p99"), "at most 1"
    yield "city page by bare Flask", ratio(PAGE, BARE, "speed"), "at least 0.5"
    yield "home page by the file", ratio(HOME, FILE, "speed"), "at least 0.7"


def told(loads: list[Load]) -> str:
    speed = statistics.median(load.speed for load in loads)
    p99 = statistics.median(load.p99 for load in loads)
    return f"{speed:,.0f}/s, p99 {1000 * p99:.0f} ms"


def loads(here: Street, seconds: int) -> dict[str, Load]:
    """Each in turn; the visitors of the city have been here before, those of the home page not."""
    cookie, city = f"Cookie: {here.session()}", f"/{CITY}"
    return {
        PAGE: here.load("tenant", city, seconds, cookie),
        PEERS[0]: here.load("threads", city, seconds, cookie),
        PEERS[1]: here.load("plain", city, seconds, cookie),
        BARE: here.load("hello", "/", seconds),
        HOME: here.load("tenant", "/", seconds),
        FILE: here.load("tenant", "/static/home.html", seconds),
    }


if __name__ == "__main__":
    main()
