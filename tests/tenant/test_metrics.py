"""
Claims about the tenant's own numbers: a strict reader can read them, and they count.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from showtimes import metrics
from tenant_processes import SOURCE, get

pytestmark = pytest.mark.tenant

NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
TYPE = re.compile(rf"# TYPE ({NAME}) (counter|gauge|histogram|summary|untyped)")
SAMPLE = re.compile(
    rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?)"
)

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(text: str) -> Samples:
    """
    The samples of a text in the exposition format, version 0.0.4, as its specification has it:
    each name typed once and before its samples, which stand together, none of them twice.
    """
    assert text.endswith("\n")
    samples: Samples = {}
    typed: dict[str, str] = {}
    last = ""
    for line in text[:-1].split("\n"):
        if kind := TYPE.fullmatch(line):
            last = kind[1]
            assert last not in typed, line
            typed[last] = kind[2]
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, line
        assert sample[1] in family(last, typed[last]), line
        key = sample[1], tuple((name, value) for name, value in re.findall(LABEL, sample[2] or ""))
        assert key not in samples, line
        samples[key] = float(line.rpartition(" ")[2])
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in typed.items())
    return samples


def samples_after(port: int, requests: int) -> Samples:
    """Those of a worker, once it has counted so many: a client has its answer a moment before."""
    end = time.monotonic() + 5
    while True:
        samples = read(get(port, "/metrics").text)
        counted_so_far = samples[counted("cinestream_worker_request_seconds_count")]
        if counted_so_far == requests or time.monotonic() > end:
            return samples


def family(name: str, kind: str) -> set[str]:
    return (
        {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    )


def grown(change: Callable[[], object]) -> Samples:
    """What *change* adds to the numbers of this process."""
    before = read(metrics.text())
    change()
    after = read(metrics.text())
    return {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key)}


def counted(title: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return title, tuple(labels.items())


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/", "/", "200"),
        ("/lviv", "/<city>", "200"),
        ("/atlantis", "/<city>", "404"),
        ("/nothing/at/all", "none", "404"),
        ("/api/locations", "/api/locations", "200"),
        ("/api/status?city=atlantis", "/api/status", "404"),
        ("/api/scrape", "none", "405"),
    ],
)
def test_requests_are_counted_by_their_route_and_status(client, path, route, status):
    added = grown(lambda: client.get(path))

    requests = {key: count for key, count in added.items() if key[0] == "cinestream_requests_total"}
    assert {counted("cinestream_requests_total", route=route, status=status): 1} == requests


def test_however_many_addresses_are_tried_the_numbers_stay_few(client):
    client.get("/a/b")

    added = grown(lambda: [client.get(f"/a/{number}/b") for number in range(5)])

    assert {counted("cinestream_requests_total", route="none", status="404"): 5} == added


def test_hits_and_misses_are_counted_by_the_name_of_the_cache():
    def look() -> None:
        metrics.miss("pages")
        metrics.hit("pages")
        metrics.hit("pages")
        metrics.miss("cities")

    assert {
        counted("cinestream_cache_hits_total", cache="pages"): 2,
        counted("cinestream_cache_misses_total", cache="pages"): 1,
        counted("cinestream_cache_misses_total", cache="cities"): 1,
    } == grown(look)


def test_runs_and_what_they_cost_are_counted():
    def run() -> None:
        metrics.ran("fresh")
        metrics.ran("fresh")
        metrics.ran("no-evidence")
        metrics.add("usd", 0.25)
        metrics.add("searches")

    assert {
        counted("cinestream_agent_runs_total", outcome="fresh"): 2,
        counted("cinestream_agent_runs_total", outcome="no-evidence"): 1,
        counted("cinestream_agent_usd_total"): 0.25,
        counted("cinestream_agent_searches_total"): 1,
    } == grown(run)


def test_what_is_counted_cannot_break_the_text():
    added = grown(lambda: metrics.ran('a"} 1\nb\\'))

    assert {counted("cinestream_agent_runs_total", outcome='a\\"} 1\\nb\\\\'): 1} == added


def test_a_number_that_nobody_knows_cannot_be_added_to():
    with pytest.raises(KeyError):
        metrics.add("dollars")


def test_a_worker_tells_its_own_numbers_and_the_tenants_in_one_text(house, settings):
    house.env(
        MONGODB_URI=settings.mongodb_uri,
        MONGODB_DATABASE=settings.mongodb_database,
        SECRET_KEY=settings.secret_key,
    )
    worker = house.start(str(SOURCE / "main.py"), "--port", str(house.port)).ready()
    for _ in range(3):
        assert 200 == get(worker.port, "/api/status?city=lviv").status

    samples = samples_after(worker.port, 3)

    assert 3 == samples[counted("cinestream_requests_total", route="/api/status", status="200")]
    assert 3 == samples[counted("cinestream_worker_requests_total", status="2xx")]
    assert 3 == samples[counted("cinestream_worker_request_seconds_count")]
    assert 0 == samples[counted("cinestream_worker_in_flight")]
    assert 0 == samples[counted("cinestream_lock_acquired_total")]
