"""
What a real nginx answers with the files of two cases, over HTTP and TLS.
"""

from __future__ import annotations

import http.client
import http.server
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cinestream_ops.desired.nginx import HEARSAY
from tests.render import case
from tests.tools import tree

pytestmark = pytest.mark.slow


class Worker(http.server.BaseHTTPRequestHandler):
    """Tells what it was asked, and with which headers."""

    def do_GET(self) -> None:
        if self.path == "/drop":
            self.close_connection = True
            return
        told = "".join(f"{name}: {value}\n" for name, value in self.headers.items())
        body = f"{self.server.server_port} {self.path}\n{told}".encode()
        self.send_response(200)
        if self.path == "/strict":
            self.send_header("X-Frame-Options", "DENY")
        if self.path in {"/kept", "/both"}:
            self.send_header("Cache-Control", "s-maxage=60")
        if "greet" in self.headers.get("X-Wish", ""):
            self.send_header("Set-Cookie", "session=1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def workers() -> Iterator[list[int]]:
    """Two workers, wherever there is room."""
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Worker) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [server.server_port for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def front(workers: list[int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """An nginx before the workers, with the files of the case `own`; its ports for HTTP and TLS."""
    # Another program may take a free port before nginx does.
    for _ in range(3):
        doors = {"http": free(), "https": free()}
        nginx = started(tmp_path_factory.mktemp("nginx"), doors, workers)
        if reachable(doors["http"], nginx):
            break
    else:
        pytest.fail("nginx did not come up")
    yield doors
    nginx.terminate()
    nginx.wait(10)


def started(tmp_path: Path, doors: dict[str, int], workers: list[int]) -> subprocess.Popen[bytes]:
    conf = tree.lay_out(case.read(case.CASES / "own.txt").text, tmp_path)
    # Whoever is silent is not waited for any longer than they must be.
    placed = {"client_header_timeout 30s": "client_header_timeout 1s", "listen 80": f"listen {doors['http']}", "listen 443": f"listen {doors['https']}",
              "[::]:80": f"[::]:{doors['http']}", "[::]:443": f"[::]:{doors['https']}",
              ":8101 ": f":{workers[0]} ", ":8102 ": f":{workers[1]} "}  # fmt: skip
    for path in (tmp_path / "etc/nginx").rglob("*.conf"):
        path.write_text(replaced(path.read_text(), placed))
    (tmp_path / "var/lib/cinestream-acme/.well-known/acme-challenge/token").write_text("challenge")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to(Path("/tmp")) and folder != Path("/tmp"):
            folder.chmod(0o755)
    return subprocess.Popen(["/usr/sbin/nginx", "-c", conf], stderr=subprocess.DEVNULL)


def replaced(text: str, words: dict[str, str]) -> str:
    for old, new in words.items():
        text = text.replace(old, new)
    return text


def free() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def reachable(port: int, nginx: subprocess.Popen[bytes]) -> bool:
    """Whether *nginx* answers at *port*; not, if it ended instead."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and nginx.poll() is None:
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


def get(front, host: str, path: str = "/", tls: bool = False, **headers: str):
    """Status, headers and body of the answer; None if nginx hung up instead."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    with connected(front["https" if tls else "http"], host if tls else "") as stream:
        stream.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        with http.client.HTTPResponse(stream) as answer:
            try:
                answer.begin()
            except http.client.RemoteDisconnected:
                return None
            return answer.status, answer.headers, answer.read().decode()


@contextmanager
def connected(port: int, name: str) -> Iterator[socket.socket]:
    """A connection, over TLS if a *name* is to be asked for."""
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        if not name:
            yield plain
            return
        with trusting().wrap_socket(plain, server_hostname=name) as stream:
            yield stream


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_a_name_that_nobody_has_is_hung_up_on(front):
    assert get(front, "stranger.example") is None
    assert get(front, "127.0.0.1") is None


def test_a_name_that_nobody_has_gets_no_handshake(front):
    with pytest.raises(ssl.SSLError, match="unrecognized name"):
        get(front, "stranger.example", tls=True)


def test_plain_http_leads_to_tls_on_the_same_name(front):
    status, headers, _ = get(front, "www.shop.example", "/a?b=c")

    assert (301, "https://www.shop.example/a?b=c") == (status, headers["Location"])
    assert headers["Strict-Transport-Security"] is None


def test_www_leads_to_the_name_that_stays(front):
    status, headers, _ = get(front, "www.shop.example", "/a?b=c", tls=True)

    assert (301, "https://shop.example/a?b=c") == (status, headers["Location"])


def test_over_tls_the_site_answers_with_headers_that_protect(front):
    status, headers, body = get(front, "shop.example", "/a?b=c", tls=True)

    assert 200 == status
    assert "/a?b=c" in body
    assert "max-age=31536000" == headers["Strict-Transport-Security"]
    assert "nosniff" == headers["X-Content-Type-Options"]
    assert ["SAMEORIGIN"] == headers.get_all("X-Frame-Options")
    assert "nginx" == headers["Server"]


def test_an_application_may_be_stricter(front):
    _, headers, _ = get(front, "shop.example", "/strict", tls=True)

    assert ["DENY"] == headers.get_all("X-Frame-Options")


def test_what_a_client_claims_is_not_passed_on(front):
    claims = {
        "X_Forwarded_For": "6.6.6.6",
        "X_Forwarded_Proto": "ftp",
        "X_Real_IP": "6.6.6.6",
        **dict.fromkeys(HEARSAY, "evil"),
    }
    _, _, body = get(front, "shop.example", tls=True, **claims)

    assert not {"6.6.6.6", "ftp", "evil"} & set(body.split())
    assert "X-Forwarded-For: 127.0.0.1" in body
    assert "X-Forwarded-Proto: https" in body


def test_the_port_that_a_visitor_sees_is_told_and_no_page_is_kept_for_it(front):
    host = "my-shop.localhost:8080"

    answers = {get(front, host, "/kept", X_Try=n)[2] for n in "123"}
    told = {line for body in answers for line in body.splitlines()}

    assert {f"Host: {host}", f"X-Forwarded-Host: {host}", "X-Try: 3"} <= told
    assert "Host: my-shop.localhost" in get(front, "my-shop.localhost", "/any")[2].splitlines()


def test_whoever_does_not_say_whom_they_ask_for_is_hung_up_on(front):
    for name in ("", "shop.example"):
        with connected(front["https" if name else "http"], name) as stream:
            stream.settimeout(30)
            stream.sendall(b"GET / HTTP/1.1\r\n")

            assert not stream.recv(1)


def test_where_no_worker_answers_a_visitor_is_told_to_come_back(front):
    status, headers, body = get(front, "shop.example", "/drop", tls=True)

    assert (503, "10") == (status, headers["Retry-After"])
    assert "cannot answer right now" in body
    assert "text/html; charset=utf-8" == headers["Content-Type"]
    assert "max-age=31536000" == headers["Strict-Transport-Security"]


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/%6detrics", "/x/../readyz", "//metrics"])
def test_what_is_for_the_server_itself_never_gets_out(front, path):
    status, _, body = get(front, "shop.example", path, tls=True)

    assert 404 == status
    assert "Host:" not in body


def test_challenges_are_answered_for_every_name(front):
    path = "/.well-known/acme-challenge/token"

    for host in ("shop.example", "www.shop.example", "stranger.example", "my-shop.localhost"):
        assert "challenge" == get(front, host, path)[2]


def test_the_site_answers_on_this_machine_without_a_domain(front):
    status, headers, _ = get(front, "my-shop.localhost", "/healthz")

    assert 200 == status
    assert headers["Strict-Transport-Security"] is None


def test_a_visitor_keeps_to_the_worker_that_a_cookie_tells(front):
    _, headers, first = get(front, "shop.example", tls=True)
    cookie = headers["Set-Cookie"]

    ports = {
        get(front, "shop.example", tls=True, Cookie=cookie.split(";")[0])[2].split()[0]
        for _ in range(8)
    }

    assert {first.split()[0]} == ports
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")


def test_a_known_visitor_gets_no_new_cookie(front):
    _, headers, _ = get(front, "shop.example", tls=True, Cookie=f"cinestream_worker={'a' * 32}")

    assert headers["Set-Cookie"] is None


def test_a_cookie_that_is_not_ours_is_replaced(front):
    _, headers, _ = get(front, "shop.example", tls=True, Cookie="cinestream_worker=evil")

    assert headers["Set-Cookie"].startswith("cinestream_worker=")


def told(front, path: str, **headers: str) -> str:
    """The number of the request that the worker was asked by, for what nginx sends now."""
    body = get(front, "shop.example", path, tls=True, **headers)[2]
    return next(line for line in body.splitlines() if line.startswith("X-Request-ID"))


@pytest.mark.parametrize("path", ["/kept", "/both"])
def test_a_page_that_may_be_kept_is_asked_for_once(front, path):
    assert told(front, path) == told(front, path)


def test_any_other_page_is_asked_for_each_time(front):
    assert told(front, "/other") != told(front, "/other")


@pytest.mark.parametrize("known", [{"Cookie": "session=1"}, {"Authorization": "Basic eDp4"}])
def test_who_is_known_to_the_site_gets_nothing_that_was_kept_and_leaves_nothing(front, known):
    strangers = told(front, "/kept")

    assert strangers != told(front, "/kept", **known)
    assert strangers == told(front, "/kept")


def test_an_answer_that_sets_a_cookie_is_never_kept(front):
    host = "my-shop.localhost"
    greeted = get(front, host, "/kept", X_Wish="greet")
    stranger = get(front, host, "/kept")

    assert "session=1" in greeted[1].get_all("Set-Cookie"), greeted
    assert "session=1" not in stranger[1].get_all("Set-Cookie")
    assert "greet" not in stranger[2]


def test_visitors_are_spread_over_the_workers(front):
    ports = {get(front, "shop.example", tls=True)[2].split()[0] for _ in range(40)}

    assert 2 == len(ports)
