"""
Claims about the running worker: real processes, a socket that is handed over as systemd does it, real requests.
"""

from __future__ import annotations

import http.client
import json
import re
import select
import shlex
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest
from tenant_processes import free_port, get

THREADS = 4

APP = """
import json, re, sys, threading, time

stuck = threading.Event()

def app(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    plain = [("Content-Type", "text/plain")]
    if path == "/sleep":
        time.sleep(float(query))
    if path == "/hang":
        stuck.wait()
    if path == "/grip":
        re.fullmatch("(a+)+b", "a" * 50)
    if path == "/stream":
        start_response("200 OK", plain)
        return stream()
    if path == "/raise":
        raise ValueError("of\\nno value")
    if path == "/exit":
        sys.exit(9)
    if path == "/late":
        return late(start_response, plain)
    if path == "/cut":
        return cut(start_response, [*plain, ("Content-Length", "100")])
    if path == "/less":
        start_response("200 OK", [*plain, ("Content-Length", "100")])
        return [b"half"]
    if path == "/more":
        start_response("200 OK", [*plain, ("Content-Length", "6")])
        return iter([b"half", b"and half"])
    if path == "/none":
        start_response("200 OK", [*plain, ("Content-Length", "6")])
        return []
    if path == "/break":
        start_response("200 OK", plain)
        return broken()
    if path == "/large":
        start_response("200 OK", [*plain, ("Content-Length", str(64 * 2**20))])
        return (bytes(2**20) for _ in range(64))
    if path == "/unclosed":
        start_response("200 OK", plain)
        return Unclosed()
    if path == "/pieces":
        start_response("200 OK", plain)
        return iter([b"", b"one ", b"two"])
    if path == "/write":
        start_response("200 OK", plain)(b"written ")
        return [b"returned"]
    if path == "/empty":
        start_response("204 No Content", [])
        return []
    if path == "/told":
        body = json.dumps({key: str(environ[key]) for key in environ}).encode()
    elif path == "/count":
        body = str(len(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))).encode()
    else:
        body = environ.get("cinestream.request_id", "").encode() if path == "/id" else b"hello"
    start_response("200 OK", [*plain, ("Content-Length", str(len(body)))])
    return [body]

def stream():
    yield b"data: 1\\n\\n"
    stuck.wait()

def broken():
    yield b"half"
    raise ValueError("half-way")

class Unclosed:
    def __iter__(self):
        return iter([b"one ", b"two"])

    def close(self):
        sys.exit(9)

def late(start_response, headers):
    start_response("200 OK", headers)
    raise ValueError("late")
    yield b""

def cut(start_response, headers):
    start_response("200 OK", headers)
    yield b"half"
    raise ValueError("half-way")
"""

COMPANIONS = """
well = True

def cinestream_ready():
    return well, "the sea is rough"

def cinestream_metrics():
    return "blog_posts 7\\n"
"""

LOADED = """
def cinestream_ready():
    return False, f" {' '.join(sys.modules)} "
"""


@pytest.fixture
def blog(house):
    house.write("blog.py", APP)
    return house


def wsgi(house):
    return house.program("--wsgi", "blog:app")


@contextmanager
def speaking(port: int, text: str) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.sendall(text.encode())
        yield sock


def everything(sock: socket.socket) -> str:
    """All that comes until the other side closes."""
    return b"".join(iter(lambda: sock.recv(65536), b"")).decode()


def is_silent(sock: socket.socket) -> bool:
    return not select.select([sock], [], [], 0)[0]


def fields(line: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(line))


def numbers_after(port: int, requests: int) -> dict[str, str]:
    """The numbers of `/metrics`, once it has counted so many: a client has its answer a moment before."""
    end = time.monotonic() + 5
    while True:
        lines = get(port, "/metrics").text.splitlines()
        numbers = dict(line.rsplit(" ", 1) for line in lines if line[0] != "#")
        counted = numbers["cinestream_worker_request_seconds_count"] == str(requests)
        if counted or time.monotonic() > end:
            return numbers


# ── the socket ──


def test_a_worker_takes_systemds_socket_and_says_that_it_is_ready(blog):
    worker = blog.start(*wsgi(blog)).ready()

    assert "hello" == get(worker.port).text


def test_a_worker_started_by_hand_binds_the_port(blog):
    worker = blog.start_by_hand(free_port(), *wsgi(blog)).ready()

    assert "hello" == get(worker.port).text


def test_a_port_that_is_not_the_sockets_is_refused(blog):
    worker = blog.start(*wsgi(blog), "--port", "9")

    code, _, err = worker.stop(0)

    assert 1 == code
    assert f"error: systemd handed over port {blog.port}, but `--port` says 9\n" == err


def test_requests_that_came_before_the_worker_are_answered(blog):
    with speaking(blog.port, "GET / HTTP/1.0\r\n\r\n") as early:
        blog.start(*wsgi(blog)).ready()

        assert everything(early).endswith("hello")


def test_a_worker_starts_without_what_only_some_applications_need(blog):
    blog.write("blog.py", APP + LOADED)
    worker = blog.start(*wsgi(blog)).ready()

    loaded = get(worker.port, "/readyz").text

    assert " cheroot.server " in loaded
    assert " ssl " not in loaded
    assert " importlib.metadata " not in loaded


# ── answers ──


def test_head_and_body_arrive_in_one_piece(blog):
    worker = blog.start(*wsgi(blog)).ready()

    with speaking(worker.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") as sock:
        first = sock.recv(65536).decode()

    assert first.startswith("HTTP/1.1 200 OK\r\n")
    assert first.endswith("\r\n\r\nhello")


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/pieces", 200, "one two"),
        ("/write", 200, "written returned"),
        ("/empty", 204, ""),
        ("/raise", 500, "Internal Server Error\n"),
        ("/late", 500, "Internal Server Error\n"),
        ("/exit", 500, "Internal Server Error\n"),
        ("/none", 500, "Internal Server Error\n"),
        ("/unclosed", 200, "one two"),
    ],
)
def test_every_kind_of_answer_arrives_whole(blog, path, status, text):
    worker = blog.start(*wsgi(blog)).ready()

    answers = [get(worker.port, path), get(worker.port, path)]

    assert [(status, text)] * 2 == [(answer.status, answer.text) for answer in answers]


def test_an_answer_that_fails_half_way_is_cut_and_not_completed(blog):
    worker = blog.start(*wsgi(blog)).ready()

    with speaking(worker.port, "GET /cut HTTP/1.1\r\nHost: x\r\n\r\n") as sock:
        answer = everything(sock)

    assert answer.endswith("\r\n\r\nhalf")
    assert "hello" == get(worker.port).text


# ── answers that are cut ──


def cuts(worker) -> dict[str, str]:
    """What the only access line says of a cut, once the worker has stopped."""
    _, out, _ = worker.stop()
    line = fields(out)
    return {key: line[key] for key in ("status", "cut", "sent", "of") if key in line}


@pytest.mark.parametrize(
    ("path", "sent", "of"),
    [("/cut", "4", "100"), ("/less", "4", "100"), ("/more", "4", "6"), ("/break", "4", None)],
)
def test_what_the_application_does_not_complete_is_cut_and_logged(blog, path, sent, of):
    """On a connection that would be kept, and with the pieces counted by the client."""
    worker = blog.start(*wsgi(blog)).ready()

    with pytest.raises(http.client.IncompleteRead) as raised:
        get(worker.port, path, {"Connection": "keep-alive"}, seconds=5)

    assert raised.value.partial == b"half"
    assert cuts(worker) == {"status": "200", "cut": "app", "sent": sent} | (
        {"of": of} if of else {}
    )
    assert "Traceback" in worker.err.read_text()


def test_what_the_client_does_not_take_is_logged(blog):
    worker = blog.start(*wsgi(blog)).ready()
    with speaking(worker.port, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n") as sock:
        sock.recv(1)

    told = cuts(worker)

    assert ("200", "client", str(64 * 2**20)) == (told["status"], told["cut"], told["of"])
    assert int(told["sent"]) < int(told["of"])


def test_a_client_that_left_before_the_answer_is_logged(blog):
    """The kernel takes what it is given for one that has closed, once."""
    worker = blog.start(*wsgi(blog)).ready()
    with speaking(worker.port, "GET /sleep?1.2 HTTP/1.1\r\nHost: x\r\n\r\n"):
        time.sleep(0.3)

    assert {"status": "200", "cut": "client", "sent": "5", "of": "5"} == cuts(worker)


def test_a_client_that_takes_nothing_is_given_up_and_logged(blog):
    blog.env(SEND_SECONDS="1")
    worker = blog.start(*wsgi(blog)).ready()
    with speaking(worker.port, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n") as sock:
        numbers_after(worker.port, requests=1)

        assert "timeout" == cuts(worker)["cut"]
        assert len(everything(sock)) < 64 * 2**20


def test_what_a_stop_cuts_is_logged_with_its_request(blog):
    blog.env(DRAIN_SECONDS="1")
    worker = blog.start(*wsgi(blog)).ready()
    ask = "GET /stream HTTP/1.1\r\nHost: x\r\nX-Request-ID: abc-3\r\n\r\n"
    with speaking(worker.port, ask) as sock:
        sock.recv(65536)
        _, out, _ = worker.stop()

    line = fields(out)
    assert ("abc-3", "stop", "9") == (line["request"], line["cut"], line["sent"])


def test_an_answer_without_a_body_is_whole(blog):
    worker = blog.start(*wsgi(blog)).ready()

    with speaking(
        worker.port, "HEAD /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    ) as sock:
        answer = everything(sock)

    assert answer.endswith("\r\n\r\n")
    assert {"status": "200"} == cuts(worker)


def test_a_connection_is_kept_for_more_requests(blog):
    worker = blog.start(*wsgi(blog)).ready()

    with speaking(worker.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") as sock:
        sock.recv(65536)
        sock.sendall(b"GET /id HTTP/1.1\r\nHost: x\r\nX-Request-ID: 7\r\nConnection: close\r\n\r\n")

        assert everything(sock).endswith("\r\n\r\n7")


def test_requests_sent_together_are_both_answered(blog):
    worker = blog.start(*wsgi(blog)).ready()
    both = "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /id HTTP/1.1\r\nHost: x\r\nX-Request-ID: 7\r\nConnection: close\r\n\r\n"

    with speaking(worker.port, both) as sock:
        answers = everything(sock)

    assert 2 == answers.count("HTTP/1.1 200 OK")
    assert answers.endswith("\r\n\r\n7")


def test_a_body_that_is_too_large_is_refused(blog):
    blog.env(MAX_BODY_BYTES="10")
    worker = blog.start(*wsgi(blog)).ready()

    with speaking(
        worker.port, f"POST /count HTTP/1.0\r\nContent-Length: 11\r\n\r\n{'x' * 11}"
    ) as sock:
        assert everything(sock).startswith("HTTP/1.1 413 ")
    with speaking(
        worker.port, f"POST /count HTTP/1.0\r\nContent-Length: 10\r\n\r\n{'x' * 10}"
    ) as sock:
        assert everything(sock).endswith("\r\n\r\n10")


def test_a_head_that_is_too_large_is_refused(blog):
    worker = blog.start(*wsgi(blog)).ready()

    with speaking(worker.port, f"GET / HTTP/1.0\r\nX: {'x' * 90_000}\r\n\r\n") as sock:
        assert everything(sock).startswith("HTTP/1.1 413 ")


def test_silent_clients_keep_nobody_waiting(blog):
    worker = blog.start(*wsgi(blog)).ready()
    silent = [socket.create_connection(("127.0.0.1", worker.port)) for _ in range(50)]

    answer = get(worker.port, seconds=2)

    assert "hello" == answer.text
    for sock in silent:
        sock.close()


def test_long_requests_keep_nobody_waiting(blog):
    worker = blog.start(*wsgi(blog)).ready()
    with ExitStack() as stack:
        for _ in range(THREADS - 1):
            stack.enter_context(speaking(worker.port, "GET /hang HTTP/1.0\r\n\r\n"))

        answers = [get(worker.port, seconds=5).text for _ in range(3)]

    assert ["hello"] * 3 == answers


# ── what it says of itself ──


def test_health_readiness_and_numbers_are_there_for_any_application(blog):
    worker = blog.start(*wsgi(blog)).ready()
    get(worker.port)
    get(worker.port, "/raise")

    own = [get(worker.port, path) for path in ("/healthz", "/readyz")]
    numbers = numbers_after(worker.port, requests=2)

    assert [(200, "ok\n"), (200, "ready\n")] == [(answer.status, answer.text) for answer in own]
    assert "1" == numbers['cinestream_worker_requests_total{status="2xx"}']
    assert "1" == numbers['cinestream_worker_requests_total{status="5xx"}']
    assert "2" == numbers['cinestream_worker_request_seconds_bucket{le="+Inf"}']
    assert "0" == numbers["cinestream_worker_in_flight"]
    assert "4" == numbers["cinestream_worker_threads"]
    assert int(numbers["process_resident_memory_bytes"]) > 10 * 2**20


def test_an_application_may_add_its_readiness_and_its_numbers(blog):
    blog.write("blog.py", APP + COMPANIONS)
    worker = blog.start(*wsgi(blog)).ready()

    assert 200 == get(worker.port, "/readyz").status
    assert get(worker.port, "/metrics").text.endswith("\nblog_posts 7\n")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("well = False", "the sea is rough\n"),
        ("del well", "NameError: name 'well' is not defined\n"),
    ],
)
def test_an_application_that_is_not_ready_is_alive(blog, change, reason):
    blog.write("blog.py", f"{APP}{COMPANIONS}\n{change}\n")
    worker = blog.start(*wsgi(blog)).ready()

    answer = get(worker.port, "/readyz")

    assert (503, reason) == (answer.status, answer.text)
    assert 200 == get(worker.port, "/healthz").status


def test_each_request_is_one_line_with_nginxs_id_and_nothing_personal(blog):
    worker = blog.start(*wsgi(blog)).ready()
    get(worker.port, "/id?name=Olena", {"X-Request-ID": "abc-1", "X-Forwarded-For": "203.0.113.9"})

    _, out, _ = worker.stop()

    line = fields(out)
    assert line.pop("ms")
    assert line == {
        "level": "info",
        "log": "access",
        "request": "abc-1",
        "method": "GET",
        "path": "/id",
        "status": "200",
        "bytes": "5",
    }


NGINX = {
    "X-Real-IP": "203.0.113.9",
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Host": "shop.example",
    "X-Forwarded-Proto": "https",
}


@pytest.mark.parametrize(
    ("host", "scheme", "port"),
    [("shop.example", "https", "443"), ("shop.example", "http", "80"), ("shop.example:8443", "https", "8443")],
)  # fmt: skip
def test_the_application_is_told_the_truth_about_its_visitor(blog, host, scheme, port):
    """PEP 3333 and RFC 3875: what a framework builds absolute addresses of, and logs."""
    worker = blog.start(*wsgi(blog)).ready()

    headers = {**NGINX, "Host": host, "X-Forwarded-Proto": scheme}
    told = json.loads(get(worker.port, "/told", headers).text)

    assert told.items() >= {
        "wsgi.url_scheme": scheme, "HTTP_HOST": host, "SERVER_NAME": "shop.example", "SERVER_PORT": port,
        "REMOTE_ADDR": "203.0.113.9", "SCRIPT_NAME": "", "PATH_INFO": "/told",
    }.items()  # fmt: skip
    assert "REMOTE_PORT" not in told


def test_what_nginx_does_not_say_of_a_visitor_is_hearsay(blog):
    """Also under names that nginx was not told of, and those that WSGI takes for nginx's own."""
    worker = blog.start(*wsgi(blog)).ready()
    claims = ("Forwarded", "X-Forwarded-Prefix", "X-Forwarded-Anything", "X-Original-URL", "X-Rewrite-URL",
              "X_Real_IP", "X_Forwarded_Proto", "X-Forwarded_For", "X_Forwarded_Host")  # fmt: skip

    told = get(worker.port, "/told", {**NGINX, **dict.fromkeys(claims, "evil")}).text

    assert "evil" not in told
    assert "203.0.113.9" == json.loads(told)["HTTP_X_FORWARDED_FOR"]


def test_who_asks_a_worker_without_nginx_is_taken_at_their_connection(blog):
    worker = blog.start(*wsgi(blog)).ready()

    told = json.loads(get(worker.port, "/told").text)

    assert ("http", "127.0.0.1", str(worker.port)) == tuple(
        told[key] for key in ("wsgi.url_scheme", "REMOTE_ADDR", "SERVER_PORT")
    )


def test_an_error_is_one_line_with_the_id_of_its_request(blog):
    worker = blog.start(*wsgi(blog), JOURNAL_STREAM="1:1").ready()
    get(worker.port, "/raise", {"X-Request-ID": "abc-2"})

    _, _, err = worker.stop()

    (line,) = [line for line in err.splitlines() if "abc-2" in line]
    assert line.startswith("<3>level=error log=worker request=abc-2 ")
    trace = json.loads(line[line.index('traceback="') + len("traceback=") :])
    assert trace.endswith("ValueError: of\nno value")


def test_an_id_that_nginx_would_not_make_is_replaced(blog):
    worker = blog.start(*wsgi(blog)).ready()

    answer = get(worker.port, "/id", {"X-Request-ID": 'x" level=error'})

    assert re.fullmatch(r"[0-9a-f]{32}", answer.text)


# ── stopping ──


def test_a_request_in_flight_is_finished_on_sigterm(blog):
    worker = blog.start(*wsgi(blog)).ready()
    with speaking(worker.port, "GET /sleep?1.5 HTTP/1.1\r\nHost: x\r\n\r\n") as sock:
        time.sleep(0.3)

        code, _, _ = worker.stop()

        answer = everything(sock)
    assert 0 == code
    assert answer.endswith("hello")
    assert "Connection: close" in answer


def test_a_request_that_holds_up_the_stop_keeps_nobody_waiting(blog):
    worker = blog.start(*wsgi(blog)).ready()
    with speaking(worker.port, "GET /sleep?2 HTTP/1.0\r\n\r\n") as sock:
        time.sleep(0.3)
        worker.process.send_signal(signal.SIGTERM)
        worker.ear.hear("STOPPING=1", 1)

        assert "hello" == get(worker.port, "/").text

        assert is_silent(sock)
        assert everything(sock).endswith("hello")
    assert 0 == worker.process.wait(10)


def test_who_comes_late_does_not_hold_up_the_stop(blog):
    worker = blog.start(*wsgi(blog)).ready()
    with speaking(worker.port, "GET /sleep?1 HTTP/1.0\r\n\r\n") as first:
        time.sleep(0.3)
        worker.process.send_signal(signal.SIGTERM)
        worker.ear.hear("STOPPING=1", 1)
        with speaking(worker.port, "GET /sleep?1 HTTP/1.0\r\n\r\n") as second:
            assert everything(first).endswith("hello")
            time.sleep(0.3)
            with speaking(worker.port, "GET / HTTP/1.0\r\n\r\n") as third:
                assert everything(second).endswith("hello")
                assert 0 == worker.process.wait(10)

                assert is_silent(third)


def test_a_connection_accepted_but_not_yet_spoken_on_is_answered_after_sigterm(blog):
    worker = blog.start(*wsgi(blog)).ready()
    with speaking(worker.port, "") as sock:
        time.sleep(0.3)
        worker.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")

        assert everything(sock).endswith("hello")


def test_requests_that_wait_for_a_thread_are_finished_on_sigterm(blog):
    worker = blog.start(*wsgi(blog)).ready()
    waiting = [socket.create_connection(("127.0.0.1", worker.port)) for _ in range(12)]
    for sock in waiting:
        sock.sendall(b"GET /sleep?0.4 HTTP/1.0\r\n\r\n")
    time.sleep(0.2)

    code, _, _ = worker.stop()

    assert 0 == code
    assert all(everything(sock).endswith("hello") for sock in waiting)
    for sock in waiting:
        sock.close()


def test_an_idle_connection_does_not_hold_up_the_stop(blog):
    worker = blog.start(*wsgi(blog)).ready()
    with speaking(worker.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") as sock:
        sock.recv(65536)

        code, _, err = worker.stop()

        assert b"" == sock.recv(1)
    assert 0 == code
    assert "unanswered" not in err


def test_a_stop_is_announced(blog):
    worker = blog.start(*wsgi(blog)).ready()

    worker.stop()

    assert worker.ear.hear("STOPPING=1", 1)


def test_a_request_that_never_ends_is_given_up_after_the_bound(blog):
    blog.env(DRAIN_SECONDS="1")
    worker = blog.start(*wsgi(blog)).ready()
    with speaking(worker.port, "GET /hang HTTP/1.0\r\n\r\n"):
        time.sleep(0.3)

        code, _, err = worker.stop()

    assert 0 == code
    assert "some requests were still unanswered after 1 s" in err


def test_a_worker_started_by_hand_answers_its_backlog_before_it_leaves(blog):
    worker = blog.start_by_hand(free_port(), *wsgi(blog)).ready()
    with speaking(worker.port, "GET /sleep?0.5 HTTP/1.0\r\n\r\n"):
        worker.process.send_signal(signal.SIGSTOP)
        waiting = [socket.create_connection(("127.0.0.1", worker.port)) for _ in range(20)]
        for sock in waiting:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        worker.process.send_signal(signal.SIGTERM)
        worker.process.send_signal(signal.SIGCONT)

        assert all(everything(sock).endswith("hello") for sock in waiting)
    for sock in waiting:
        sock.close()


# ── under load ──


@dataclass
class Load:
    """Threads that make one request after another, each on a connection of its own."""

    port: int
    clients: int = 12
    good: int = 0
    bad: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[Load]:
        self._on = True
        threads = [
            threading.Thread(target=self._run, args=(number,)) for number in range(self.clients)
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._on = False
            for thread in threads:
                thread.join()

    def _run(self, number: int) -> None:
        path = "/sleep?0.05" if number % 4 == 0 else "/"
        while self._on:
            try:
                answer = get(self.port, path)
            except OSError as error:
                self.bad.append(repr(error))
            else:
                self.good += answer.text == "hello"
                self.bad += [] if answer.text == "hello" else [answer.text]


@pytest.mark.slow
def test_ten_restarts_under_load_fail_no_request(blog):
    worker = blog.start(*wsgi(blog)).ready()
    codes = []

    with Load(blog.port).running() as load:
        for _ in range(10):
            time.sleep(0.3)
            code, _, _ = worker.stop()
            codes.append(code)
            worker = blog.start(*wsgi(blog)).ready()

    assert [] == load.bad
    assert [0] * 10 == codes
    assert load.good > 1000


@pytest.mark.slow
def test_a_killed_worker_fails_only_what_it_had_accepted(blog):
    worker = blog.start(*wsgi(blog)).ready()

    with Load(blog.port).running() as load:
        for _ in range(3):
            time.sleep(0.5)
            worker.stop(signal.SIGKILL)
            worker = blog.start(*wsgi(blog)).ready()
        time.sleep(0.5)

    assert len(load.bad) <= 3 * load.clients
    assert load.good > 300


# ── the watchdog ──

SECONDS = 0.4
FEEDS = 12  # in three times as long as systemd bears silence


def watched(house, seconds: float = SECONDS):
    return house.start(*wsgi(house), WATCHDOG_USEC=str(int(seconds * 1_000_000))).ready()


def is_fed(worker) -> bool:
    worker.ear.forget()
    return all(worker.ear.hear("WATCHDOG=1", 20) for _ in range(FEEDS))


def test_an_idle_worker_feeds_the_watchdog(blog):
    assert is_fed(watched(blog))


@pytest.mark.parametrize("path", ["/stream", "/hang"])
def test_requests_that_take_long_do_not_starve_the_watchdog(blog, path):
    """Event streams, long polls, slow reports: on every thread, and with others waiting."""
    worker = watched(blog)
    with ExitStack() as stack:
        for _ in range(THREADS + 1):
            stack.enter_context(speaking(worker.port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))

        assert is_fed(worker)


def test_work_that_nobody_waits_for_does_not_starve_the_watchdog(blog):
    worker = watched(blog)
    for _ in range(THREADS):
        with speaking(worker.port, "GET /hang HTTP/1.1\r\nHost: x\r\n\r\n"):
            pass

    assert is_fed(worker)


def test_a_worker_that_never_lets_the_interpreter_go_starves_the_watchdog(blog):
    worker = watched(blog)
    with speaking(worker.port, "GET /grip HTTP/1.1\r\nHost: x\r\n\r\n"):
        until_silent(worker)


def test_a_deadlock_starves_the_watchdog_once_only_others_wait(blog):
    worker = watched(blog, seconds=0.1)
    for _ in range(THREADS):
        with speaking(worker.port, "GET /hang HTTP/1.1\r\nHost: x\r\n\r\n"):
            pass
    with speaking(worker.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
        until_silent(worker)

    assert "no thread has answered for 2 s, and requests wait" in worker.err.read_text()


def until_silent(worker, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while worker.ear.hear("WATCHDOG=1", 2):
        assert time.monotonic() < end, "the watchdog is still fed"


def test_a_watchdog_meant_for_another_process_is_not_fed(blog):
    worker = blog.start(*wsgi(blog), WATCHDOG_USEC="200000", WATCHDOG_PID="1").ready()

    assert not worker.ear.hear("WATCHDOG=1", 1)
