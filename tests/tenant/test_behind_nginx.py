"""
What two real workers and a real nginx, with the files of the case `bundled`, do together.
"""

from __future__ import annotations

import gzip
import http.client
import io
import re
import signal
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymongo
import pytest
from tenant_processes import SOURCE, House, Mongod, Worker, free_port, get

from cinestream_ops.engine.source import read_source
from tests.render import case
from tests.tools import tree

pytestmark = [pytest.mark.tenant, pytest.mark.slow]

HOST = "movies.example"
# Nothing of this machine is limited; here one address of it is, as a stranger's would be.
STRANGER = "127.0.0.2"


@dataclass(frozen=True)
class Street:
    """nginx's port, and the workers behind it."""

    nginx: int
    workers: list[Worker]

    def ask(self, path: str, method: str = "GET", address: str = "127.0.0.1", **headers: str):
        """Status, headers and body, of a connection of its own from *address*."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.nginx, timeout=30, source_address=(address, 0)
        )
        try:
            words = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers={"Host": HOST, **words})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def answered(self, route: str) -> int:
        """How many requests for *route* came through to the workers."""
        texts = [get(worker.port, "/metrics").text for worker in self.workers]
        pattern = rf'cinestream_requests_total{{route="{re.escape(route)}",[^}}]*}} (\d+)'
        return sum(int(count) for text in texts for count in re.findall(pattern, text))


@contextmanager
def street(folder: Path, mongod: Mongod, database: str) -> Iterator[Street]:
    with ExitStack() as stack:
        source = folder / "source"
        source.mkdir(parents=True)
        house = House(folder, source, stack)
        stack.callback(house.door.close)
        house.env(MONGODB_URI=mongod.uri, MONGODB_DATABASE=database, SECRET_KEY="not a secret")
        main = ("-B", str(SOURCE / "main.py"))
        workers = [house.start_by_hand(free_port(), *main).ready() for _ in range(2)]
        yield Street(started_nginx(folder / "nginx", workers, stack), workers)


def started_nginx(root: Path, workers: list[Worker], stack: ExitStack) -> int:
    port, *others = free_ports(4)
    conf = tree.lay_out(case.read(case.CASES / "bundled.txt").text, root)
    first, second = (worker.port for worker in workers)
    placed = {
        "listen 80": f"listen {port}", "listen 443": f"listen {others[0]}",
        "[::]:80": f"[::]:{others[1]}", "[::]:443": f"[::]:{others[2]}",
        ":8001 ": f":{first} ", ":8002 ": f":{second} ", "server 127.0.0.1:8003 ": "#",
        "ip_hash;": "", "127.0.0.0/8 0": "127.0.0.1 0",
    }  # fmt: skip
    for path in (root / "etc/nginx").rglob("*.conf"):
        text = path.read_text()
        for old, new in placed.items():
            text = text.replace(old, new)
        path.write_text(text)
    lay_static(root / "var/www/movie_app")
    for folder in (root, *root.parents):
        if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    process = subprocess.Popen(["/usr/sbin/nginx", "-c", conf], stderr=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    wait_for(port)
    return port


def free_ports(number: int) -> list[int]:
    """As many that differ, of those that nobody has."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("", 0))) for _ in range(number)]
        return [each.getsockname()[1] for each in held]


def lay_static(home: Path) -> None:
    """The static files of the release, as they are packed for a server."""
    source = read_source("bundled", wsgi="")
    with tarfile.open(
        fileobj=io.BytesIO(b"".join(source.uploads[source.release].chunks()))
    ) as archive:
        archive.extractall(home / "src", filter="data")
    home.joinpath("static").symlink_to(home / "src" / source.defaults["static"])


def wait_for(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("nginx did not come up")


@pytest.fixture(scope="module")
def here(mongod, tmp_path_factory) -> Iterator[Street]:
    with street(tmp_path_factory.mktemp("street"), mongod, "behind_nginx") as found:
        yield found


# ── the home page ──


def test_strangers_get_the_home_page_from_nginx(here):
    before = here.answered("/")

    pages = [here.ask("/", Accept_Language="en-strangers,en") for _ in range(20)]

    assert here.answered("/") - before <= 2
    assert {200} == {status for status, _, _ in pages}
    assert 1 == len({body for _, _, body in pages})
    assert {None} == {headers["Set-Cookie"] for _, headers, _ in pages}


@pytest.mark.parametrize(("asked", "tag"), [("uk", "uk"), ("ru,en;q=0.5", "ru"), ("en", "en")])
def test_strangers_get_it_in_their_language(here, asked, tag):
    for _ in range(2):
        _, headers, body = here.ask("/", Accept_Language=asked)

        assert f'<html lang="{tag}">' in body.decode()
        assert tag == headers["Content-Language"]


def test_it_is_kept_compressed_for_who_can_read_that_and_plain_for_others(here):
    for _ in range(2):
        _, small, packed = here.ask("/", Accept_Encoding="gzip", Accept_Language="en")
        _, large, plain = here.ask("/", Accept_Language="en")

        assert plain == gzip.decompress(packed)
        assert ("gzip", None) == (small["Content-Encoding"], large["Content-Encoding"])


def test_who_has_a_session_is_answered_by_the_site(here):
    here.ask("/")
    _, picture, _ = here.ask("/visit")
    cookie = picture["Set-Cookie"].partition(";")[0]
    before = here.answered("/")

    pages = [here.ask("/", Cookie=cookie) for _ in range(3)]

    assert 3 == here.answered("/") - before
    assert {"private, no-cache"} == {headers["Cache-Control"] for _, headers, _ in pages}
    assert all(b"/visit" not in body for _, _, body in pages)


def test_what_the_site_tells_one_visitor_is_told_to_no_stranger(here):
    language = "en-one,en"
    _, headers, _ = here.ask("/?lang=ua", Accept_Language=language)
    cookie = headers["Set-Cookie"].partition(";")[0]

    own = here.ask("/", Cookie=cookie, Accept_Language=language)[2]
    strangers = here.ask("/", Accept_Language=language)

    assert b'<html lang="uk">' in own
    assert b'<html lang="en">' in strangers[2]
    assert strangers[1]["Set-Cookie"] is None


def test_strangers_see_within_seconds_what_has_changed(here, mongod):
    town = {
        "city": "newtown",
        "city_name": {"en": "Newtown", "ua": "Новомісто", "ru": "Новоград"},
        "people": 1,
        "zone": "Europe/Kyiv",
        "geo": {"type": "Point", "coordinates": [30.0, 50.0]},
        "status": "stale",
    }
    assert b"Newtown" not in here.ask("/")[2]
    with pymongo.MongoClient(mongod.uri) as client:
        client["behind_nginx"]["locations"].insert_one(town)

    end = time.monotonic() + 13
    while not (seen := b"Newtown" in here.ask("/")[2]) and time.monotonic() < end:
        time.sleep(0.2)

    assert seen


def test_an_address_with_a_query_is_never_kept(here):
    before = here.answered("/")

    for _ in range(3):
        here.ask("/?x=1")

    assert 3 == here.answered("/") - before


def test_a_browser_that_has_the_page_is_told_so(here):
    language = "en-browser,en"  # which nobody has asked in, so that what is kept is new
    etag = here.ask("/", Accept_Language=language)[1]["ETag"]

    status, _, body = here.ask("/", Accept_Language=language, If_None_Match=etag)

    assert (304, b"") == (status, body)


def test_the_city_pages_are_answered_by_the_site(here):
    before = here.answered("/<city>")

    pages = [here.ask("/lviv", Accept_Encoding="gzip") for _ in range(3)]

    assert 3 == here.answered("/<city>") - before
    assert all(headers["Set-Cookie"] for _, headers, _ in pages)
    assert {"gzip"} == {headers["Content-Encoding"] for _, headers, _ in pages}
    # As the worker compressed it: nginx would have weakened it.
    assert all(headers["ETag"].startswith('"') for _, headers, _ in pages)


# ── limits ──


def test_an_address_may_ask_for_a_look_a_few_times_only(here):
    answers = [here.ask("/api/scrape", "POST", STRANGER) for _ in range(8)]

    statuses = [status for status, _, _ in answers]
    assert 429 not in statuses[:4]
    assert [429] * 4 == statuses[4:]
    assert ["10"] == answers[-1][1].get_all("Retry-After")
    assert "nosniff" == answers[-1][1]["X-Content-Type-Options"]


def test_only_what_costs_something_is_limited(here):
    statuses = {here.ask("/api/scrape", address="127.0.0.3")[0] for _ in range(8)}

    assert {405} == statuses


def test_other_pages_do_not_tell_when_to_come_back(here):
    assert here.ask("/lviv")[1]["Retry-After"] is None


# ── static files ──


def test_a_static_file_with_its_version_is_kept_for_good_and_compressed_beforehand(here):
    plain = here.ask("/static/site.css?v=1")
    small = here.ask("/static/site.css?v=1", Accept_Encoding="gzip")

    assert (
        plain[2] == gzip.decompress(small[2]) == (SOURCE / "showtimes/static/site.css").read_bytes()
    )
    for _, headers, _ in (plain, small):
        assert ["public, max-age=31536000, immutable"] == headers.get_all("Cache-Control")
        assert "nosniff" == headers["X-Content-Type-Options"]
        assert headers["Set-Cookie"] is None
    # Compressed while it is sent, its length would not be known.
    assert ("gzip", str(len(small[2]))) == (
        small[1]["Content-Encoding"],
        small[1]["Content-Length"],
    )
    assert "Accept-Encoding" == small[1]["Vary"]


@pytest.mark.parametrize(
    "path", ["/static/site.css", "/static/site.css?v=", "/static/site.css?x=1"]
)
def test_a_static_file_without_a_version_is_kept_for_an_hour(here, path):
    assert ["public, max-age=3600"] == here.ask(path)[1].get_all("Cache-Control")


def test_a_static_file_that_is_not_there_is_not_kept(here):
    status, headers, _ = here.ask("/static/none.css?v=1")

    assert (404, None) == (status, headers["Cache-Control"])


def test_an_address_of_the_site_says_itself_how_long_it_is_kept(here):
    assert ["private, no-cache"] == here.ask("/lviv?v=1")[1].get_all("Cache-Control")


# ── when something is away ──


def test_one_number_finds_a_failure_in_the_answer_the_page_and_the_log(mortal_mongod, tmp_path):
    with street(tmp_path / "street", mortal_mongod, "away") as here:
        mortal_mongod.stop()
        status, headers, body = here.ask("/lviv")
        mortal_mongod.start()

        number = headers["X-Request-ID"]
        logs = "".join(
            path.read_text() for worker in here.workers for path in (worker.out, worker.err)
        )
        assert 503 == status
        assert f"<code>{number}</code>" in body.decode()
        assert re.search(rf"log=access request={number} .*status=503", logs)
        assert re.search(rf"level=error .*request={number}", logs)


def test_strangers_have_the_home_page_while_all_workers_are_away(mongod, tmp_path):
    with street(tmp_path / "street", mongod, "workers_away") as here:
        here.ask("/")
        for worker in here.workers:
            worker.stop(signal.SIGKILL)
        time.sleep(5.5)

        assert 200 == here.ask("/")[0]
        assert 503 == here.ask("/lviv")[0]
