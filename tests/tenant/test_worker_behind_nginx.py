"""
What one real worker with an application that is not ours, and a real nginx with the files of the case `own`, do together.
"""

from __future__ import annotations

import http.client
import re
import subprocess
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cinestream_worker.limits import Limits
from running import children
from tenant_processes import House, Worker, get
from test_behind_nginx import free_ports, wait_for

from tests.render import case
from tests.tools import tree

pytestmark = [pytest.mark.tenant, pytest.mark.slow]

HOST = "my-shop.localhost"
MIB = 2**20

APP = """
import threading, time

turns = threading.Semaphore(0)
page = [("Content-Type", "text/html")]

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/turn":
        turns.release()
    if path == "/events":
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return pieces()
    if path == "/unbuffered":
        start_response("200 OK", [*page, ("X-Accel-Buffering", "no")])
        return pieces()
    if path == "/cookie":
        start_response("200 OK", [*page, ("Content-Length", "2"), ("Set-Cookie", "session=" + "x" * 4000)])
        return [b"ok"]
    if path == "/slow":
        start_response("200 OK", page)
        return slowly(int(environ["QUERY_STRING"]))
    if path == "/hang":
        threading.Event().wait(5)
    if path == "/download":
        start_response("200 OK", [("Content-Length", str(96 * 2**20))])
        return (bytes(2**20) for _ in range(96))
    if path in {"/less", "/break"}:
        start_response("200 OK", [("Content-Length", "100")] if path == "/less" else page)
        return less() if path == "/less" else broken()
    start_response("200 OK", [*page, ("Content-Length", "2")])
    return [b"ok"]

def pieces():
    for number in range(3):
        yield b"data: %d\\n\\n" % number
        turns.acquire()

def slowly(pieces):
    for number in range(pieces):
        time.sleep(0.8)
        yield b"data: 0\\n\\n"

def less():
    yield b"half"

def broken():
    yield b"half"
    raise ValueError("half-way")
"""


@dataclass(frozen=True)
class Shop:
    """The ports of nginx, nginx itself, and the worker behind it."""

    port: int
    tls: int
    nginx: subprocess.Popen[bytes]
    worker: Worker

    @contextmanager
    def asked(self, path: str, **headers: str) -> Iterator[http.client.HTTPResponse]:
        """The answer, whose body is still to be read; it has ten seconds for each piece."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        words = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request("GET", path, headers={"Host": HOST, **words})
            yield connection.getresponse()
        finally:
            connection.close()

    def posted(self, size: int) -> int:
        """The status of a request that brings so many bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            with suppress(ConnectionError):  # nginx need not hear all of what it refuses
                connection.request("POST", "/", bytes(size), {"Host": HOST})
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with ExitStack() as stack:
        (folder / "source").mkdir()
        house = House(folder, folder / "source", stack)
        stack.callback(house.door.close)
        house.write("blog.py", APP)
        worker = house.start(*house.program("--wsgi", "blog:app")).ready()
        yield served(folder / "nginx", worker, stack)


def served(root: Path, worker: Worker, stack: ExitStack, seconds: int = 2) -> Shop:
    """Nginx before *worker*, with so many *seconds* for an answer."""
    port, tls, *others = free_ports(4)
    conf = tree.lay_out(case.read(case.CASES / "own.txt").text, root)
    placed = {
        "listen 80": f"listen {port}", "listen 443": f"listen {tls}",
        "[::]:80": f"[::]:{others[0]}", "[::]:443": f"[::]:{others[1]}",
        ":8101 ": f":{worker.port} ", "server 127.0.0.1:8102 ": "#",
        "proxy_read_timeout 2s": f"proxy_read_timeout {seconds}s",
    }  # fmt: skip
    for path in (root / "etc/nginx").rglob("*.conf"):
        text = path.read_text()
        for old, new in placed.items():
            text = text.replace(old, new)
        path.write_text(text)
    for folder in (root, *root.parents):
        if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    nginx = subprocess.Popen(["/usr/sbin/nginx", "-c", conf], stderr=subprocess.DEVNULL)
    stack.callback(nginx.wait)
    stack.callback(nginx.terminate)
    wait_for(port)
    return Shop(port, tls, nginx, worker)


# ── streams ──


@pytest.mark.parametrize("path", ["/events", "/unbuffered"])
def test_each_piece_of_a_stream_arrives_before_the_next_is_made(shop, path):
    with shop.asked(path) as answer:
        for number in range(3):
            assert b"data: %d\n\n" % number == answer.read1()
            get(shop.worker.port, "/turn")

        assert b"" == answer.read()


def test_a_compressed_stream_is_not_held_either(shop):
    unpacked = zlib.decompressobj(wbits=31)
    with shop.asked("/unbuffered", Accept_Encoding="gzip") as answer:
        for number in range(3):
            piece = b""
            while not piece:
                piece = unpacked.decompress(answer.read1())
            assert b"data: %d\n\n" % number == piece
            get(shop.worker.port, "/turn")

        assert "gzip" == answer.headers["Content-Encoding"]


@pytest.mark.parametrize("path", ["/less", "/break"])
def test_an_answer_that_is_cut_is_cut_for_the_visitor(shop, path):
    with shop.asked(path) as answer, pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()


# ── what is large ──


def test_an_answer_may_set_the_largest_cookie(shop):
    with shop.asked("/cookie") as answer:
        assert (200, b"ok") == (answer.status, answer.read())
        assert len(answer.headers["Set-Cookie"]) > 4000


def test_a_visitor_may_bring_several_of_the_largest_cookies(shop):
    cookies = "; ".join(f"{name}={'x' * 3900}" for name in "abcd")

    with shop.asked("/", Cookie=cookies) as answer:
        assert (200, b"ok") == (answer.status, answer.read())


def test_a_download_waits_for_its_visitor_with_its_worker_and_not_on_the_disk(shop):
    with shop.asked("/download") as answer:
        kept = waiting_on_the_disk(shop)
        body = answer.read()

    assert 0 < kept <= 33 * MIB
    assert 96 * MIB == len(body)


def waiting_on_the_disk(shop: Shop) -> int:
    """The bytes of answers in nginx's files, once they do not become more."""
    sizes = [-1, 0]
    while sizes[-1] == 0 or sizes[-1] > sizes[-2]:
        time.sleep(0.5)
        sizes.append(sum(size for pid in children(shop.nginx.pid) for size in temporary(pid)))
        assert len(sizes) < 100, "nothing is kept"
    return sizes[-1]


def temporary(pid: int) -> Iterator[int]:
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if "/proxy/" in str(each.readlink()):
                yield each.stat().st_size


def test_the_worker_waits_for_longer_than_nginx():
    """It is slower to see what a visitor has taken: nginx takes up to 32 MiB for it at a time."""
    patience = re.search(
        r"^send_timeout (\d+)s;", case.CASES.joinpath("server.txt").read_text(), re.MULTILINE
    )

    assert Limits.read({}).send_seconds >= 10 * int(patience[1])


# ── the limits that the site has set ──


def test_a_site_takes_uploads_of_the_size_that_it_has_set(shop):
    """12 MiB in this case; all sites have 10."""
    assert [200, 413] == [shop.posted(size) for size in (12 * MIB, 12 * MIB + 1)]


def test_an_answer_may_take_as_long_as_the_site_has_set(shop):
    """2 seconds in this case, and not in all: each piece has as long."""
    with shop.asked("/slow?4") as answer:
        assert (200, b"data: 0\n\n" * 4) == (answer.status, answer.read())
    with shop.asked("/hang") as answer:
        assert 504 == answer.status
