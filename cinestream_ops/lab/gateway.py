"""
The package gateway: where a server without a route gets its Debian and Python packages.

Run as a program, with the path of its settings.  It speaks to apt as an HTTP proxy and to pip and
uv as a package index, keeps what it fetched on disk, and fetches from the upstreams in its
settings and from nowhere else.  The standard library alone: it is run by path, by itself.
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import shutil
import ssl
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO
from urllib.error import HTTPError
from urllib.parse import urljoin, urlsplit, urlunsplit
from urllib.request import HTTPSHandler, Request, build_opener

FRESH_SECONDS = 3600
UPSTREAM_SECONDS = 60
FOR_EVER = re.compile(r"/by-hash/|\.(deb|whl|zip|metadata|tar\.gz|tgz)$")
PROJECT = re.compile(r"/simple/([A-Za-z0-9][A-Za-z0-9._-]*)/?")
FILE = re.compile(r"/files/(https?)/([^/]+)(/.*)")
LINK = re.compile(rb'href="([^"]*)"')
HTML = "text/html"


class NotOffered(Exception):
    """The request leads to no upstream of ours."""


@dataclass(frozen=True)
class Settings:
    """Where to listen, where to keep things, and whom to ask."""

    address: str
    port: int
    store: str
    archives: Sequence[str]
    indexes: Sequence[str]
    authorities: str = ""


@dataclass(frozen=True)
class Label:
    """What is known of a stored answer besides its bytes."""

    url: str
    kind: str
    modified: str


class Upstreams:
    """Which addresses a request stands for, in the order in which to try them."""

    def __init__(self, settings: Settings) -> None:
        self._archives = tuple(urlsplit(url) for url in settings.archives)
        self._indexes = settings.indexes
        self._hosts: set[tuple[str, str]] = set()

    def urls(self, path: str) -> Iterator[str]:
        """Raises `NotOffered`."""
        if project := PROJECT.fullmatch(path):
            yield from (f"{index}/{project.group(1)}/" for index in self._indexes)
        elif file := FILE.fullmatch(path):
            yield self._file(*file.groups())
        else:
            yield self._package(path)

    def _file(self, scheme: str, host: str, path: str) -> str:
        if (scheme, host) not in self._hosts:
            raise NotOffered
        return f"{scheme}://{host}{path}"

    def _package(self, path: str) -> str:
        asked = urlsplit(path)
        for archive in self._archives:
            # The server's apt speaks http to its proxy, whatever the mirror speaks.
            if asked.netloc == archive.netloc and asked.path.startswith(archive.path):
                return urlunsplit((archive.scheme, asked.netloc, asked.path, asked.query, ""))
        raise NotOffered

    def page(self, base: str, page: bytes) -> bytes:
        """An index's *page*, its links led through us.  Their hosts are upstreams from now on."""
        return LINK.sub(lambda link: b'href="%b"' % self._led(base, link.group(1)), page)

    def _led(self, base: str, link: bytes) -> bytes:
        url = urlsplit(urljoin(base, html.unescape(link.decode())))
        if url.scheme not in {"http", "https"}:
            return b"#"
        self._hosts.add((url.scheme, url.netloc))
        path = f"/files/{url.scheme}/{url.netloc}{url.path}"
        return html.escape(urlunsplit(("", "", path, url.query, url.fragment))).encode()


class Store:
    """Answers on disk: one file each, its label on the first line.  Many gateways share one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)

    @contextmanager
    def alone(self, url: str) -> Iterator[None]:
        """For one request at a time, so that an answer is fetched once."""
        with self._locks[url]:
            yield

    def fresh(self, url: str) -> bool:
        try:
            age = time.time() - self.path(url).stat().st_mtime
        except FileNotFoundError:
            return False
        return bool(FOR_EVER.search(url)) or age < FRESH_SECONDS

    def has(self, url: str) -> bool:
        return self.path(url).exists()

    def path(self, url: str) -> Path:
        key = hashlib.sha256(url.encode()).hexdigest()
        return self._folder / key[:2] / key

    def put(self, url: str, label: Label, body: BinaryIO) -> None:
        """Written beside and renamed: a torn download is never an answer."""
        path = self.path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=".draft-") as draft:
            draft.write(json.dumps(asdict(label)).encode() + b"\n")
            shutil.copyfileobj(body, draft)
            draft.flush()
            # A hard link and a rename keep the draft's own name free to be removed.
            twin = f"{draft.name}.whole"
            os.link(draft.name, twin)
            Path(twin).replace(path)

    @contextmanager
    def opened(self, url: str) -> Iterator[tuple[Label, BinaryIO]]:
        """Its label, and its bytes from where the stream stands."""
        with self.path(url).open("rb") as stream:
            yield Label(**json.loads(stream.readline())), stream


class Gateway(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, settings: Settings) -> None:
        self.upstreams = Upstreams(settings)
        self.store = Store(Path(settings.store))
        trust = ssl.create_default_context(cafile=settings.authorities or None)
        self._web = build_opener(HTTPSHandler(context=trust))
        super().__init__((settings.address, settings.port), Answer)

    def ready(self, urls: Iterator[str]) -> tuple[str, str]:
        """
        The first of *urls* that has an answer, now in the store, and how it came there.

        Raises `HTTPError` with the last refusal, and `OSError`.
        """
        refusal: HTTPError | None = None
        for url in urls:
            try:
                with self.store.alone(url):
                    return url, self._kept(url)
            except HTTPError as error:
                error.close()
                refusal = error
        raise refusal or NotOffered

    def _kept(self, url: str) -> str:
        if self.store.fresh(url):
            return "hit"
        try:
            self._fetch(url)
        except HTTPError:
            raise
        except OSError:
            # The upstream is out of reach: an old answer is better than none.
            if not self.store.has(url):
                raise
            return "stale"
        return "miss"

    def _fetch(self, url: str) -> None:
        # Asked for HTML, since every index has it and both pip and uv read it.
        asked = Request(url, headers={"Accept": f"{HTML}, */*;q=0.1"})  # noqa: S310 -- http(s) only
        with self._web.open(asked, timeout=UPSTREAM_SECONDS) as answer:
            kind = answer.headers.get("Content-Type", "application/octet-stream")
            modified = answer.headers.get("Last-Modified", "")
            self.store.put(url, Label(answer.url, kind, modified), answer)


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 300
    # Else the head of a small answer waits 40 ms for the client to acknowledge the last one.
    disable_nagle_algorithm = True
    server: Gateway

    def do_GET(self) -> None:
        try:
            url, how = self.server.ready(self.server.upstreams.urls(self.path))
        except NotOffered:
            return self.send_error(403, "no upstream of this gateway has that")
        except HTTPError as error:
            return self.send_error(error.code)
        except OSError as error:
            return self.send_error(502, str(error))
        self.log(how, url)
        with self.server.store.opened(url) as (label, body):
            return self._answer(label, body)

    do_HEAD = do_GET  # noqa: N815 -- http.server looks it up by this name

    def _answer(self, label: Label, body: BinaryIO) -> None:
        if self._is_known(label.modified):
            return self._head(304, label, 0)
        if PROJECT.fullmatch(self.path):
            page = self.server.upstreams.page(label.url, body.read())
            self._head(200, label, len(page))
            return self._body(page)
        self._head(200, label, os.fstat(body.fileno()).st_size - body.tell())
        if self.command == "GET":
            shutil.copyfileobj(body, self.wfile)
        return None

    def _is_known(self, modified: str) -> bool:
        since = self.headers.get("If-Modified-Since")
        if not (since and modified):
            return False
        try:
            return parsedate_to_datetime(since) >= parsedate_to_datetime(modified)
        except ValueError:
            return False

    def _head(self, code: int, label: Label, length: int) -> None:
        self.send_response(code)
        self.send_header("Content-Type", label.kind)
        self.send_header("Content-Length", str(length))
        if label.modified:
            self.send_header("Last-Modified", label.modified)
        self.end_headers()

    def _body(self, body: bytes) -> None:
        if self.command == "GET":
            self.wfile.write(body)

    def log(self, how: str, url: str) -> None:
        sys.stdout.write(f"{how} {url}\n")
        sys.stdout.flush()

    def log_message(self, *_: Any) -> None:
        """What was asked is in `log`, by the name of the upstream."""


def main() -> None:
    told: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    Gateway(Settings(**told)).serve_forever()


if __name__ == "__main__":
    main()
