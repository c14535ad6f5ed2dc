"""
What a lab keeps, and what it shares with other labs: roots, archives, locks, packages.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cinestream_ops.lab import locks, mongodb, roots
from cinestream_ops.lab.commands import unheard
from cinestream_ops.lab.faults import CommandFailed, TookTooLong
from cinestream_ops.lab.gateway import Gateway, Settings
from cinestream_ops.lab.recipes import SUITES, Recipe

HOLD = """
import sys, time
from pathlib import Path
from cinestream_ops.lab import locks
with locks.held(Path(sys.argv[1]), "a lock"):
    print("held", flush=True)
    time.sleep(60)
"""


BUILD = """
from cinestream_ops.lab import roots
from cinestream_ops.lab.recipes import Recipe
roots.ready(Recipe("bookworm"), print)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own for each of these tests."""
    monkeypatch.setenv("CINESTREAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lab"


# Roots


def test_another_recipe_is_another_root():
    recipe = Recipe("bookworm")

    names = {recipe.name, replace(recipe, installed=()).name, replace(recipe, suite="trixie").name}

    assert 3 == len(names)
    assert recipe.name == Recipe("bookworm").name


def test_a_build_that_fails_leaves_nothing_and_says_why(cache):
    with pytest.raises(CommandFailed, match="nowhere"):
        roots.ready(Recipe("nowhere"), unheard)

    assert [] == list((cache / "roots").iterdir())


@pytest.mark.slow
def test_a_build_that_is_killed_takes_all_its_processes_along(cache):
    with subprocess.Popen(
        [sys.executable, "-u", "-c", BUILD], stdout=subprocess.PIPE, text=True
    ) as builder:
        next(line for line in builder.stdout if line.startswith("extracting"))
        builder.kill()

    deadline = time.monotonic() + 10
    while busy := in_use(cache):
        assert time.monotonic() < deadline, busy
        time.sleep(0.05)
    assert not (cache / "roots" / Recipe("bookworm").name).exists()


def in_use(folder):
    """The processes that were told of *folder*, or have a mount in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = (process / "cmdline").read_bytes() + (process / "mountinfo").read_bytes()
            found += [process] if str(folder).encode() in told else []
    return found


def test_a_root_that_is_there_is_not_made_again(cache):
    (cache / "roots" / Recipe("bookworm").name).mkdir(parents=True)

    assert cache / "roots" / Recipe("bookworm").name == roots.ready(Recipe("bookworm"), unheard)


def test_old_roots_go_unless_a_lab_stands_on_them(cache):
    known = Recipe(SUITES[0])
    made = [cache / "roots" / name for name in ("old-1", "old-2", "new-1", known.name)]
    for root in made:
        root.mkdir(parents=True)
    for root in (made[0], made[1], made[3]):
        os.utime(root, (0, 0))

    roots.prune([made[1]], [known])

    assert made[1:] == [root for root in made if root.exists()]


# Archives


@pytest.mark.slow
def test_mongodb_is_packed_to_the_same_bytes_each_time(cache, tmp_path, monkeypatch):
    first = mongodb.archive(unheard)
    monkeypatch.setenv("CINESTREAM_CACHE", str(tmp_path / "other"))

    second = mongodb.archive(unheard)

    assert first.path != second.path
    assert first.sha256 == second.sha256


# Locks


def test_a_lock_keeps_others_out_and_leaves_no_file(tmp_path):
    lock = tmp_path / "lock"
    with (
        locks.held(lock, "a lock"),
        pytest.raises(TookTooLong, match="a lock did not happen"),
        locks.held(lock, "a lock", seconds=0.2),
    ):
        pass

    assert not lock.exists()


def test_only_one_at_a_time_holds_a_lock(tmp_path):
    inside, most = [0], [0]

    def work(_number):
        with locks.held(tmp_path / "lock", "a lock"):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.001)
            inside[0] -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))

    assert [1] == most


def test_a_lock_ends_with_a_holder_that_is_killed(tmp_path):
    argv = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as holder:
        holder.stdout.readline()
        holder.kill()

    with locks.held(tmp_path / "lock", "a lock", seconds=1):
        assert (tmp_path / "lock").exists()


# Packages


class Web(SimpleHTTPRequestHandler):
    """An upstream that counts what it is asked."""

    def log_message(self, *_):
        self.server.asked.append(self.path)


@pytest.fixture
def upstream(tmp_path):
    """A mirror and an index, in a folder that a test fills."""
    folder = tmp_path / "web"
    for name in ("debian/pool", "simple/blog", "files"):
        (folder / name).mkdir(parents=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Web, directory=folder)) as web:
        web.folder, web.asked = folder, []
        web.url = f"http://127.0.0.1:{web.server_port}"
        yield from served(web)


@pytest.fixture
def package_gateway(upstream, tmp_path):
    settings = Settings(
        address="127.0.0.1",
        port=0,
        store=str(tmp_path / "store"),
        archives=[f"{upstream.url}/debian/"],
        indexes=[f"{upstream.url}/nothing", f"{upstream.url}/simple"],
    )
    with Gateway(settings) as server:
        yield from served(server)


def served(server):
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()


def get(server, path, method="GET", **headers):
    """The status and the body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_package_is_fetched_once_also_when_many_ask(upstream, package_gateway):
    (upstream.folder / "debian/pool/a.deb").write_bytes(b"deb" * 100_000)
    url = f"{upstream.url}/debian/pool/a.deb"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: get(package_gateway, url), range(16)))

    assert [(200, b"deb" * 100_000)] * 16 == answers
    assert ["/debian/pool/a.deb"] == upstream.asked


def test_the_links_of_an_index_lead_through_the_gateway(upstream, package_gateway):
    (upstream.folder / "simple/blog/index.html").write_text(
        '<a href="../../files/b.whl#sha256=1">b</a>'
    )
    (upstream.folder / "files/b.whl").write_bytes(b"wheel")

    _, page = get(package_gateway, "/simple/blog/")
    link = page.decode().split('"')[1]

    assert f"/files/http/127.0.0.1:{upstream.server_port}/files/b.whl#sha256=1" == link
    assert (200, b"wheel") == get(package_gateway, link.partition("#")[0])


def test_a_file_that_no_index_named_is_not_fetched(upstream, package_gateway):
    (upstream.folder / "files/b.whl").write_bytes(b"wheel")

    status, _ = get(package_gateway, f"/files/http/127.0.0.1:{upstream.server_port}/files/b.whl")

    assert 403 == status
    assert [] == upstream.asked


@pytest.mark.parametrize(
    "path", ["/", "/simple/", "/simple/../etc", "/debian/../etc/passwd", "//x/"]
)
def test_what_is_no_package_is_refused(upstream, package_gateway, path):
    assert 403 == get(package_gateway, path)[0]
    assert 403 == get(package_gateway, f"http://elsewhere.example{path}")[0]


def test_what_the_upstream_has_not_is_not_found(package_gateway):
    assert 404 == get(package_gateway, "/simple/nothing/")[0]


def test_what_the_client_has_already_is_not_sent(upstream, package_gateway):
    (upstream.folder / "debian/InRelease").write_text("signed")
    url = f"{upstream.url}/debian/InRelease"

    assert (304, b"") == get(
        package_gateway, url, **{"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    )
    assert (200, b"signed") == get(
        package_gateway, url, **{"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}
    )
    assert (200, b"") == get(package_gateway, url, "HEAD")


def test_an_old_answer_is_better_than_none(upstream, package_gateway, tmp_path):
    (upstream.folder / "debian/InRelease").write_text("signed")
    url = f"{upstream.url}/debian/InRelease"
    get(package_gateway, url)
    for kept in (path for path in tmp_path.rglob("*") if path.is_file()):
        os.utime(kept, (0, 0))
    upstream.socket.close()

    assert (200, b"signed") == get(package_gateway, url)
    assert 502 == get(package_gateway, f"{upstream.url}/debian/other")[0]
