"""
A site that its owner stops, starts, or puts a page in place of, as visitors from outside see it;
and what is told of a change that nobody lived to finish.
"""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from socket import create_connection

import pytest

from tests.owner.conftest import SITES, Standing
from tests.owner.test_trouble import JOURNAL, dns, in_the_middle, state
from tests.torture import command
from tests.torture.fault import Fault

NAME = "away.example.test"
PATIENCE = 5  # seconds, in which a change that waits for nobody has ended
SLICE = "/etc/systemd/system/cinestream-shop.slice"
HOSTILE = """Back at <b>five</b>: $5 & 'tea' "; } {{ x }} {% y"""
KILL = (
    "kill -9 $(cat /proc/locks | awk '$4 == \"WRITE\" {print $5}' | while read p;"
    " do grep -qz HOME=/root /proc/$p/environ && tr '\\0' ' ' < /proc/$p/cmdline"
    " | grep -q /var/lib/cinestream && echo $p; done)"
)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: str

    @property
    def is_page(self) -> bool:
        """Whether it is ours in place of the site, and nothing bare of nginx's."""
        return self.status == 503 and 'h1 dir="auto"' in self.body


@dataclass(frozen=True)
class Shop:
    """The site `shop` at a domain of its own, asked from another machine than its server."""

    standing: Standing

    def types(self, line: str) -> None:
        self.standing.owner.types(f"{line} --yes")

    def asks(self, path: str = "/", *options: str, scheme: str = "https") -> Answer:
        address = self.standing.host.lab.address
        ways = ("--resolve", f"{NAME}:80:{address}", "--resolve", f"{NAME}:443:{address}")
        told = subprocess.run(
            ["curl", "-sk", "-i", "--http1.1", "--max-time", "20", *ways, *options, f"{scheme}://{NAME}{path}"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        return answer(told)

    @contextmanager
    def is_entered(self) -> Iterator[ssl.SSLSocket]:
        """By somebody whom nginx has let in, and who has not asked for anything yet."""
        lab = self.standing.host.lab
        trust = ssl.create_default_context(cafile=lab.acme_root)
        with (
            create_connection((lab.address, 443), 20) as plain,
            trust.wrap_socket(plain, server_hostname=NAME) as connection,
        ):
            yield connection

    @property
    def from_the_server(self) -> tuple[int, str]:
        return self.standing.host.get("shop.localhost")

    @property
    def units(self) -> str:
        """What of the site runs, or would after a boot."""
        return self.standing.host.sh(
            "systemctl list-units --plain --no-legend 'shop*'; ls /etc/systemd/system/*.wants | grep shop; true"
        )

    @property
    def told(self) -> dict[str, object]:
        [site] = self.standing.owner.types("status --json").data
        return site


@pytest.fixture(scope="module")
def at_home(rough: Standing) -> Iterator[Shop]:
    """The shop with a domain and a certificate, for these tests alone."""
    dns(rough, "set-default-ipv4", {"ip": rough.host.lab.address})
    rough.owner.types(
        f"domain add shop {NAME} --yes --acme-directory {rough.host.lab.acme_directory}"
    )
    yield Shop(rough)
    rough.owner.types(f"domain remove shop {NAME} --yes")


@pytest.fixture
def shop(at_home: Shop) -> Iterator[Shop]:
    """The shop as it is; whatever a test makes of it, it runs again afterwards."""
    before = state(at_home.standing)
    yield at_home
    at_home.types("maintenance shop off")
    at_home.types("start shop")
    assert before == state(at_home.standing)


def answer(told: str) -> Answer:
    head, _, body = told.partition("\n\n")
    first, _, headers = head.partition("\n")
    return Answer(int(first.split()[1]), message_from_string(headers), body)


def asked_by(connection: ssl.SSLSocket) -> Answer:
    """What somebody is told who asks for the front page at last."""
    connection.sendall(f"GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
    with connection.makefile(newline=None, encoding="utf-8") as told:
        return answer(told.read())


@contextmanager
def visited(shop: Shop) -> Iterator[list[Answer]]:
    """Somebody asks for the front page as often as they can; their answers."""
    found: list[Answer] = []
    enough = threading.Event()

    def visit() -> None:
        while not enough.is_set():
            found.append(shop.asks())

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        yield found
    finally:
        enough.set()
        visitor.join()


def test_in_maintenance_visitors_read_a_page_and_the_server_itself_sees_the_site(shop: Shop):
    shop.types("maintenance shop on --message 'Back at five' --retry-after 1800")
    answer = shop.asks()

    assert 503 == answer.status
    assert '<h1 dir="auto">Back at five</h1>' in answer.body
    assert ("1800", "no-store") == (answer.headers["Retry-After"], answer.headers["Cache-Control"])
    assert "text/html; charset=utf-8" == answer.headers["Content-Type"]
    assert 200 == shop.from_the_server[0]
    assert 200 == shop.standing.host.get("shop.localhost", "/healthz")[0]


def test_whatever_a_visitor_asks_for_is_answered_with_the_page(shop: Shop):
    shop.types("maintenance shop on")
    answers = {
        (path, *options): shop.asks(path, *options)
        for path, *options in [
            ("/nowhere?a=b",), ("/", "--data", "a=b"), ("/", "-X", "DELETE"), ("/healthz",),
            ("/.cinestream-away",), ("/static/x.css",),
        ]
    }  # fmt: skip

    assert [] == [asked for asked, answer in answers.items() if not answer.is_page]


def test_in_maintenance_challenges_are_answered_and_http_leads_to_https(shop: Shop):
    challenge = "/.well-known/acme-challenge/trial"
    shop.types("maintenance shop on")
    shop.standing.host.sh(f"echo token > /var/lib/cinestream-acme{challenge}")

    answer, moved = shop.asks(challenge, scheme="http"), shop.asks("/x", scheme="http")
    shop.standing.host.runs("rm", f"/var/lib/cinestream-acme{challenge}")

    assert (200, "token\n") == (answer.status, answer.body)
    assert (301, f"https://{NAME}/x") == (moved.status, moved.headers["Location"])


def test_a_hostile_message_is_text_and_nothing_else(shop: Shop):
    import html
    import shlex

    shop.types(f"maintenance shop on --message {shlex.quote(HOSTILE)}")
    answer = shop.asks()

    assert html.escape(HOSTILE).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in answer.body
    assert HOSTILE == shop.told["maintenance"]["message"]


def test_status_tells_of_maintenance_and_doing_it_twice_is_nothing_to_do(shop: Shop):
    shop.types("maintenance shop on --message 'Back at five'")

    again = shop.standing.owner.types("maintenance shop on --yes")
    table = shop.standing.owner.types("status").out

    assert "Nothing to do" in again.err
    assert "maintenance: Back at five" in table
    assert {"message": "Back at five", "retry_after": 300} == shop.told["maintenance"]
    assert all(worker["ready"] for worker in shop.told["workers"])


def test_a_failed_change_leaves_a_site_in_maintenance(shop: Shop):
    shop.types("maintenance shop on")

    failed = shop.standing.owner.tries(
        f"edit-site shop --source {SITES / 'bottle_site'} --wsgi shop:nothing --yes"
    )

    assert 1 == failed.code
    assert shop.asks().is_page
    assert shop.told["maintenance"]


def test_a_stopped_site_runs_nothing_and_loses_nothing(shop: Shop):
    owned = "ls -d /var/www/shop/* /var/www/shop/.env /etc/letsencrypt/live/*; id shop"
    before = shop.standing.host.sh(owned)

    shop.types("stop shop")

    assert "" == shop.units
    assert before == shop.standing.host.sh(owned)
    assert shop.asks().is_page
    assert 503 == shop.from_the_server[0]
    assert shop.told["stopped"]
    assert "stopped" in shop.standing.owner.types("status").out
    assert "Nothing to do" in shop.standing.owner.types("stop shop --yes").err
    assert 0 == shop.standing.owner.tries("plan --exit-code").code


def test_a_worker_starts_once_where_its_site_does(shop: Shop):
    started = "journalctl -o cat -u 'shop@*.service' | grep -c ^Started"
    shop.types("stop shop")
    before = int(shop.standing.host.sh(started))

    shop.types("start shop")

    workers = len(shop.standing.host.workers("shop"))
    assert before + workers == int(shop.standing.host.sh(started))


def test_a_visitor_meets_the_site_or_the_page_and_nothing_else(shop: Shop):
    with visited(shop) as answers:
        shop.types("stop shop")
        shop.types("start shop")
        shop.types("maintenance shop on")
        shop.types("maintenance shop off")

    assert [] == [each for each in answers if each.status != 200 and not each.is_page]
    assert {200, 503} == {each.status for each in answers}
    assert 200 == shop.asks().status


@pytest.mark.parametrize(
    ("away", "again"),
    [("stop shop", "start shop"), ("maintenance shop on", "maintenance shop off")],
)
def test_who_came_while_a_site_was_away_reads_the_page(shop: Shop, away: str, again: str):
    shop.types(away)
    with shop.is_entered() as connection:
        change = threading.Thread(target=shop.types, args=(again,))
        change.start()
        until_answered(shop, 200)
        change.join(PATIENCE)
        told = asked_by(connection)
    change.join()

    assert told.is_page


@pytest.mark.parametrize("line", ["stop shop", "maintenance shop on"])
def test_who_came_while_a_site_was_away_reads_the_page_when_that_is_undone(shop: Shop, line: str):
    fault = Fault("agent", shop.standing.host.lab.name, name="change put gate:nginx 1")
    ended = command.run(shop.standing.owner, f"{line} --yes", fault)
    with shop.is_entered() as connection:
        change = threading.Thread(target=shop.standing.owner.tries, args=("status",))
        change.start()
        until_answered(shop, 200)
        change.join(PATIENCE)
        told = asked_by(connection)
    change.join()

    assert "change put gate:nginx 1" == ended.moment, ended.told
    assert told.is_page


def until_answered(shop: Shop, status: int) -> None:
    end = time.monotonic() + 60
    while shop.asks().status != status:
        assert time.monotonic() < end, f"never {status}"


def test_who_was_being_served_when_a_site_stops_is_served(shop: Shop):
    answers: list[Answer] = []
    visitor = threading.Thread(target=lambda: answers.append(shop.asks("/slow")))

    visitor.start()
    shop.standing.host.sh(
        "for i in $(seq 300); do ss -Htn state established sport = :443 | grep -q . && exit; sleep .01; done; exit 1"
    )
    shop.types("stop shop")
    visitor.join()

    assert [(200, "slow but sure")] == [(each.status, each.body) for each in answers]


def test_a_stopped_site_can_be_changed_and_stays_stopped(shop: Shop):
    shop.types("stop shop")

    shop.types("edit-site shop --memory 80")
    shop.types("maintenance shop on --message 'Moved out'")
    shop.types("edit-site shop --memory 64")
    refused = shop.standing.owner.tries("restart shop --yes")

    assert "" == shop.units
    assert "Moved out" in shop.asks().body
    assert 1 == refused.code
    assert "error: `shop` is stopped\nhint: `cinestream start shop`" in refused.err


def test_a_stopped_site_is_stopped_after_a_boot(shop: Shop):
    from cinestream_ops import lab

    shop.types("stop shop")

    lab.power_cut(shop.standing.host.lab.name)
    lab.boot(shop.standing.host.lab.name)
    shop.standing.host.sh(
        "for i in $(seq 60); do systemctl is-active -q nginx && exit; sleep 1; done; exit 1"
    )

    assert "" == shop.units
    assert shop.asks().is_page


def test_what_goes_with_on_is_refused_with_off(shop: Shop):
    said = shop.standing.owner.tries("maintenance shop off --message x --yes")

    assert 2 == said.code
    assert "go with `on`" in said.err


def test_a_message_of_two_lines_is_refused_and_not_repeated(shop: Shop):
    said = shop.standing.owner.tries("maintenance shop on --message 'a\nb' --yes")

    assert 1 == said.code
    assert "line break" in said.err
    assert "a\nb" not in said.err


def kill_in_the_middle(rough: Standing) -> None:
    """A change whose agent is killed once it has touched the site's slice."""
    with in_the_middle(rough, "edit-site shop --workers 20 --yes"):
        rough.host.sh(
            f"for i in $(seq 3000); do grep -q {SLICE} {JOURNAL} && break; sleep .01; done; {KILL}"
        )


def test_recover_tells_what_was_being_done_and_that_it_is_undone(rough: Standing):
    before = state(rough)

    kill_in_the_middle(rough)
    first = rough.owner.types("recover --json").data
    second = rough.owner.types("recover")

    assert before == state(rough)
    assert (True, "edit-site shop", []) == (
        first["now"], first["change"]["doing"], first["failed"],
    )  # fmt: skip
    assert f"file:{SLICE}" in first["undone"]
    assert "Nothing is unfinished; this was undone last" in second.err
    assert "edit-site shop" in second.out


def test_recover_tells_what_stands_in_the_way_and_ends_when_it_is_gone(rough: Standing):
    before = state(rough)

    kill_in_the_middle(rough)
    with rough.host.meanwhile(f"mount --bind {SLICE} {SLICE}", f"umount {SLICE}"):
        stuck = rough.owner.tries("recover")
        refused = rough.owner.tries("edit-site shop --workers 4 --yes")
    done = rough.owner.tries("recover")

    assert (1, 1, 0) == (stuck.code, refused.code, done.code)
    assert f"`file:{SLICE}` could not be undone" in stuck.err
    assert "edit-site shop" in stuck.out
    assert before == state(rough)
