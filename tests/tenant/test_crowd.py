"""
Claims about many visitors at once: 24 workers, 200 wishes for the same city, and one look.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from answering import answering
from gathering import KEY
from running import agents, until
from tenant_processes import SOURCE, House, Worker, get

pytestmark = [pytest.mark.tenant, pytest.mark.slow]

WORKERS = 24
VISITORS = 200
FILM = "Dune: Part Three"
FORM = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Sec-Fetch-Site": "same-origin",
    "Accept": "application/json",
    "Connection": "close",
}


@dataclass(frozen=True)
class Answer:
    status: int
    words: dict[str, object]
    retry_after: str | None


@pytest.fixture
def claude():
    with answering(seconds=4) as api:
        yield api


@pytest.fixture
def workers(tmp_path, settings, claude) -> Iterator[list[Worker]]:
    source = tmp_path / "source"
    source.mkdir()
    with ExitStack() as stack:
        houses = [House(tmp_path, source, stack) for _ in range(WORKERS)]
        houses[0].env(
            MONGODB_URI=settings.mongodb_uri,
            MONGODB_DATABASE=settings.mongodb_database,
            SECRET_KEY=settings.secret_key,
            ANTHROPIC_API_KEY=KEY,
            ANTHROPIC_BASE_URL=claude.url,
        )
        for house in houses:
            stack.callback(house.door.close)
        started = [
            house.start(str(SOURCE / "main.py"), "--port", str(house.port)) for house in houses
        ]
        ready = [worker.ready() for worker in started]
        # The collections are there before visitors come, as they are once a site was added.
        until(lambda: get(ready[0].port, "/lviv").status == 200, 60)
        yield ready


def wish(port: int) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/api/scrape", "city=lviv", FORM)
        response = connection.getresponse()
        words = json.loads(response.read())
        return Answer(response.status, words, response.headers["Retry-After"])
    finally:
        connection.close()


def crowd(workers: list[Worker]) -> list[Answer]:
    """What as many visitors are told who all ask at the same moment."""
    together = threading.Barrier(VISITORS)

    def ask(number: int) -> Answer:
        together.wait(60)
        return wish(workers[number % WORKERS].port)

    with ThreadPoolExecutor(VISITORS) as visitors:
        return list(visitors.map(ask, range(VISITORS)))


def told(workers: list[Worker], name: str) -> float:
    """The number of that name, of all workers together."""
    texts = [get(worker.port, "/metrics").text for worker in workers]
    found = [re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE) for text in texts]
    return sum(float(number) for numbers in found for number in numbers)


def everywhere(workers: list[Worker], ask: Callable[[Worker], bool]) -> bool:
    with ThreadPoolExecutor(WORKERS) as visitors:
        return all(visitors.map(ask, workers))


def shows_the_film(worker: Worker) -> bool:
    return FILM in get(worker.port, "/lviv").text


def status(worker: Worker) -> dict[str, object]:
    return json.loads(get(worker.port, "/api/status?city=lviv").text)


def visited(workers: list[Worker]) -> datetime | None:
    """When the look was over, once it is; until then, all workers keep the page as it was."""
    everywhere(workers, shows_the_film)
    words = status(workers[7])
    return datetime.fromisoformat(str(words["last_updated"])) if words["last_updated"] else None


def test_200_wishes_over_24_workers_make_one_look_that_all_workers_show(workers, claude):
    assert everywhere(workers, lambda worker: not shows_the_film(worker))

    answers = crowd(workers)

    gathering = sum(len(agents(worker.process.pid)) for worker in workers)
    assert {202: VISITORS} == Counter(answer.status for answer in answers)
    assert 1 == sum(answer.words["started"] is True for answer in answers)
    assert {"5"} == {answer.retry_after for answer in answers}
    assert 1 == gathering
    assert "processing" == status(workers[-1])["status"]
    assert everywhere(workers, lambda worker: not shows_the_film(worker))

    over = until(lambda: visited(workers), 60)
    until(lambda: everywhere(workers, shows_the_film), 30)

    assert (datetime.now(UTC) - over).total_seconds() < 10
    assert 2 == claude.begun
    assert 1 == told(workers, 'cinestream_agent_runs_total{outcome="fresh"}')
    assert 1 == told(workers, "cinestream_lock_acquired_total")
    assert VISITORS - 1 == told(workers, "cinestream_lock_contended_total")

    again = crowd(workers)

    time.sleep(1)  # in which a look would have begun
    assert {200: VISITORS} == Counter(answer.status for answer in again)
    assert {("fresh", False)} == {(each.words["status"], each.words["started"]) for each in again}
    assert 2 == claude.begun
    assert 1 == told(workers, "cinestream_lock_acquired_total")
    assert 0 == sum(len(agents(worker.process.pid)) for worker in workers)
