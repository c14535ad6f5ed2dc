"""
Claims about the check of links: it reaches what is public, and nothing else.
"""

from __future__ import annotations

import socket
import time
from http.server import BaseHTTPRequestHandler

import pytest
from gather.addresses import BadLink, host_of
from gather.links import Links, is_public
from gathering import gather, lie, read_page
from messages_api import listening, serving, showtimes

pytestmark = pytest.mark.tenant

PUBLIC = "93.184.216.34"
HOSTS = frozenset({"kino.example"})
NAMES = {"kino.example": [PUBLIC], "in.kino.example": ["10.0.0.7"]}


class Shop(BaseHTTPRequestHandler):
    """A real server; what it answers is in the path that it is asked for."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        kind, _, where = self.path[1:].partition("=")
        if kind == "slow":
            time.sleep(1.5)
        refused = kind == "get-only" and self.command == "HEAD"
        moved = {"to": 302}.get(kind, 200)
        self.send_response({"gone": 404}.get(kind, 405 if refused else moved))
        if kind == "to":
            self.send_header("Location", where)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def reached():
    return []


@pytest.fixture
def links(reached):
    """Names of our own; whatever public address is connected to is the shop."""
    with listening(Shop) as port:

        def connect(address: str, _port: int, _host: str, seconds: float) -> socket.socket:
            reached.append(address)
            return socket.create_connection(("127.0.0.1", port), timeout=seconds)

        yield Links(lambda host, _: NAMES.get(host, []), connect, seconds=1)


@pytest.mark.parametrize("path", ["ok", "get-only", "to=/ok", "to=https://kino.example/to=/ok"])
def test_a_link_that_leads_somewhere_is_good(links, reached, path):
    assert "" == links.fault(f"https://kino.example/{path}", HOSTS)
    assert {PUBLIC} == set(reached)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("gone", "link-dead"),
        ("slow", "link-unreachable"),
        ("to=/to=/to=/to=/to=/ok", "link-redirects"),
        ("to=https://in.kino.example/", "link-private"),
        ("to=https://127.0.0.1/", "link-ip"),
        ("to=http://kino.example/", "link-http"),
        ("to=https://evil.example/", "link-host"),
        ("to=https://nowhere.kino.example/", "link-unresolved"),
        ("to=https://kino.example:22/", "link-port"),
    ],
)
def test_a_link_that_does_not_is_told_why(links, reached, path, reason):
    assert reason == links.fault(f"https://kino.example/{path}", HOSTS)
    assert {PUBLIC} == set(reached)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
     "224.0.0.1", "::1", "::", "fc00::1", "fe80::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
     "2002:7f00:1::", "fe80::1%eth0", "nonsense"],
)  # fmt: skip
def test_a_name_for_a_private_address_is_never_connected_to(address):
    def connect(*_: object) -> socket.socket:
        raise AssertionError

    links = Links(lambda *_: [PUBLIC, address], connect)

    assert not is_public(address)
    assert "link-private" == links.fault("https://kino.example/", HOSTS)


def test_public_addresses_are_public():
    assert all(map(is_public, [PUBLIC, "2606:4700::1111"]))


def test_each_link_is_told_of_and_only_the_bad_are_named(links):
    told: list[tuple[int, int]] = []
    asked = [(f"https://kino.example/{path}", HOSTS) for path in ("ok", "gone")]

    assert {"https://kino.example/gone": "link-dead"} == links.faults(
        asked, lambda *n: told.append(n)
    )
    assert [(1, 2), (2, 2)] == told


def test_a_run_keeps_the_links_that_are_good():
    program = (
        "import os, socket, sys; from gather import __main__ as g, speaking; from gather.links import Links\n"
        "def connect(a, p, h, s): return socket.create_connection(('127.0.0.1', {port}), timeout=s)\n"
        "links = Links(lambda *_: ['93.184.216.34'], connect)\n"
        "g.main(sys.stdin.buffer, speaking.own_stdout(), os.environ, links)"
    )
    rows = [
        lie(link="https://kino.invalid/buy/1"),
        lie(link="https://tickets.kino.invalid/buy/2", time="21:45", quote="21:45 2D", format="2D"),
    ]
    with listening(Shop) as port, serving(read_page(), showtimes(*rows)) as api:
        run = gather(api, program=("-c", program.format(port=port)))

    assert [row["link"] for row in rows] == [row["buy_link"] for row in run.end["rows"]]
    assert {} == run.end["dropped"]


def test_when_the_time_is_up_nothing_more_is_asked(reached):
    links = Links(lambda *_: [PUBLIC], budget=0)

    assert {"https://kino.example/": "link-unchecked"} == links.faults(
        [("https://kino.example/", HOSTS)], lambda *_: None
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://kino.example/", "link-http"),
        ("javascript:alert(1)", "link-scheme"),
        ("https://u@kino.example/", "link-userinfo"),
        ("https://kino.example:22/", "link-port"),
        ("https://[::1]/", "link-ip"),
        ("https://0x7f000001/", "link-ip"),
        ("https://127.1/", "link-ip"),
        ("https://localhost/", "link-name"),
        ("https://xn--pple-43d.com/", "link-name"),
        ("https://кіно.example/", "link-shape"),
        ("https://kino.example/\n", "link-shape"),
        ("https://kino.example\\@evil.example/", "link-shape"),
    ],
)
def test_an_address_that_is_none_to_send_people_to_is_told_why(url, reason):
    with pytest.raises(BadLink) as bad:
        host_of(url)

    assert reason == bad.value.reason
