"""
Claims about a worker that gives its port to a successor: real processes, and nobody who waits.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tenant_processes import House, Worker, get

START_SECONDS = 20

APP = """
import os, time

def app(environ, start_response):
    if environ["PATH_INFO"] == "/sleep":
        time.sleep(float(environ["QUERY_STRING"]))
    body = f"{RELEASE} {os.environ.get('GREETING', '-')} {os.getpid()}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


CHILD = """
import subprocess
os.environ["GREETING"] = str(subprocess.Popen(["sleep", "60"]).pid)
"""


def said_child(worker: Worker) -> int:
    return int(said(worker)[1])


def release(house: House, name: str) -> None:
    house.write("blog.py", f"RELEASE = {name!r}\n{APP}")


@pytest.fixture
def worker(house: House) -> Worker:
    release(house, "one")
    house.env(GREETING="hello")
    return house.start(*house.program("--wsgi", "blog:app")).ready()


@contextmanager
def succeeded(worker: Worker) -> Iterator[int]:
    """The process of a successor that was asked for, and is ready."""
    worker.process.send_signal(signal.SIGHUP)
    process = int(worker.ear.value("MAINPID", START_SECONDS))
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def said(worker: Worker) -> list[str]:
    return get(worker.port).text.split()


def asking_long(worker: Worker) -> tuple[threading.Thread, list[str]]:
    """Somebody whose page takes 4 s, and where it will be."""
    answers: list[str] = []
    asks = threading.Thread(target=lambda: answers.append(get(worker.port, "/sleep?4").text))
    asks.start()
    time.sleep(0.3)
    return asks, answers


def test_a_successor_has_the_new_code_and_variables(house: House, worker: Worker):
    before = said(worker)
    release(house, "second")
    house.env(OTHER="word")

    with succeeded(worker) as process:
        assert 0 == worker.process.wait(10)

        assert ["one", "hello", str(worker.process.pid)] == before
        assert ["second", "-", str(process)] == said(worker)


def test_what_was_begun_is_finished_and_nobody_else_waits(worker: Worker):
    slow, answers = asking_long(worker)

    with succeeded(worker) as process:
        began = time.monotonic()
        while said(worker)[2] != str(process):
            assert time.monotonic() < began + 3
        assert slow.is_alive()
        slow.join()

    assert [str(worker.process.pid)] == [each.split()[2] for each in answers]
    assert 0 == worker.process.wait(10)


def test_every_request_is_answered_while_one_succeeds_the_other(house: House, worker: Worker):
    found: list[str] = []
    enough = threading.Event()

    def visit() -> None:
        while not enough.is_set():
            found.append(get(worker.port).text.split()[0])

    visitors = [threading.Thread(target=visit) for _ in range(6)]
    for visitor in visitors:
        visitor.start()
    release(house, "second")
    with succeeded(worker):
        time.sleep(0.5)
        enough.set()
        for visitor in visitors:
            visitor.join()

    assert {"one", "second"} == set(found)


def test_without_a_successor_it_goes_on_and_says_so(house: House, worker: Worker):
    house.write("blog.py", "raise ValueError('of no value')")
    worker.process.send_signal(signal.SIGHUP)

    coming = worker.ear.value("STATUS", START_SECONDS)
    status = worker.ear.value("STATUS", START_SECONDS)

    assert "Serving; a successor starts" == coming
    assert re.fullmatch(r"Serving; .*; none came: process \d+ ended", status)
    assert "one" == said(worker)[0]
    assert "of no value" in worker.err.read_text()
    assert worker.process.poll() is None


def test_after_a_successor_that_failed_another_may_come(house: House, worker: Worker):
    house.write("blog.py", "raise ValueError")
    worker.process.send_signal(signal.SIGHUP)
    for _ in ("coming", "none"):
        worker.ear.value("STATUS", START_SECONDS)
    release(house, "second")

    with succeeded(worker):
        worker.process.wait(10)

        assert "second" == said(worker)[0]


def test_a_successor_has_successors(house: House, worker: Worker):
    with succeeded(worker) as first:
        worker.process.wait(10)
        release(house, "three")
        os.kill(first, signal.SIGHUP)
        second = int(worker.ear.value("MAINPID", START_SECONDS))
        while is_alive(first):
            time.sleep(0.05)

        assert ["three", str(second)] == said(worker)[::2]

        os.kill(second, signal.SIGKILL)


def test_what_a_worker_has_started_ends_with_it_and_nobody_elses(house: House, worker: Worker):
    house.write("blog.py", f"RELEASE = 'with-a-child'\n{APP}{CHILD}")

    with succeeded(worker) as first:
        worker.process.wait(10)
        its = said_child(worker)
        os.kill(first, signal.SIGHUP)
        second = int(worker.ear.value("MAINPID", START_SECONDS))
        while is_alive(first) or is_alive(its):
            time.sleep(0.05)

        assert is_alive(said_child(worker))

        os.killpg(second, signal.SIGKILL)


def test_who_stops_sees_off_its_predecessor(worker: Worker):
    slow, answers = asking_long(worker)

    with succeeded(worker) as process:
        os.kill(process, signal.SIGTERM)
        time.sleep(1)

        assert is_alive(process)
        slow.join()
        assert answers
        worker.process.wait(10)
        end = time.monotonic() + 10
        while is_alive(process):
            assert time.monotonic() < end


def is_alive(process: int) -> bool:
    try:
        with Path(f"/proc/{process}/stat").open() as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
