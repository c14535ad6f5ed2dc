"""
The worker: serves one WSGI application on one port until it is told to stop.

Self-contained, the standard library and cheroot alone, because it is also shipped by itself to run
applications that are not ours.  It may know nothing of an application but its name.

    python worker.py --port N --wsgi package.module:app [--source DIR] [--env-file PATH] [--check]

It reads `.env`, imports the application, takes the listening socket from systemd or binds
127.0.0.1:N, says `READY=1`, and serves.  On SIGTERM it accepts nothing more, answers everything it
has accepted, and exits 0; connections that it did not accept wait in systemd's socket for the next
process.

An application that is `package.module:app` may have two companions in the same module (or as
attributes of the object): `cinestream_ready() -> (bool, str)` is asked by `/readyz`, and the text
of `cinestream_metrics() -> str` is added to `/metrics`.

Environment: `PORT`, `THREADS` (4), `LOG_LEVEL` (INFO), `DRAIN_SECONDS` (25), `MAX_BODY_BYTES` (64
MiB), and what systemd sets: `LISTEN_FDS`, `LISTEN_PID`, `NOTIFY_SOCKET`, `WATCHDOG_USEC`,
`WATCHDOG_PID`, `JOURNAL_STREAM`.
"""

from __future__ import annotations

import argparse
import bisect
import collections
import contextlib
import errno
import gc
import importlib
import inspect
import io
import json
import logging
import os
import re
import resource
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from cheroot import server as http
from cheroot import wsgi

BACKLOG = 65535  # the kernel lowers it to net.core.somaxconn
AHEAD = 32  # accepted connections that may wait for a thread; the others wait in the backlog
IDLE_SECONDS = 10  # a connection may stay silent for so long
LAST_WORDS_SECONDS = 2  # and, once we are stopping, for so long
HEADER_BYTES = 32 * 1024  # what nginx itself allows: large_client_header_buffers 4 8k


class StartError(Exception):
    """Why the application cannot be served, in one sentence."""


# ── .env ──────────────────────────────────────────────────────────────────────────────

# What systemd's EnvironmentFile= and python-dotenv read alike, and no more (systemd.exec(5),
# python-dotenv's parser). Nothing is ever expanded: `${X}` stays as it is written.
ENTRY = re.compile(
    r"""
    [ \t]* (?: \#[^\r\n]* )? (?:\n|\Z)                    # blank, or a comment
    | [ \t]* (?P<key>[A-Za-z_][A-Za-z0-9_]*) [ \t]*=[ \t]*
      (?: '(?P<single>[^'\\\r]*)'
        | "(?P<double>(?:[^"\\\r]|\\["\\])*)"
        | (?P<bare>[^'"\#\s\\](?:[^\\\r\n]*[^\\\s])?)? )
      [ \t]* (?:\n|\Z)
    """,
    re.VERBOSE,
)
QUOTING = (
    "a value with `#`, quotes or a backslash belongs in double quotes,"
    ' with a backslash before each `"` and `\\` in it'
)
# Who we are and whom we answer is settled by the process that started us, never by a file.
NOT_FROM_FILE = re.compile(r"PORT|LISTEN_\w+|NOTIFY_SOCKET|WATCHDOG_\w+|JOURNAL_STREAM")


def dotenv(text: str) -> dict[str, str]:
    """
    The variables that *text* sets, the last of a name winning.

    Raises `StartError` with the number of the first line that the known readers of such files would
    not read alike. The message never quotes the line: it may hold a secret.
    """
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        entry = ENTRY.match(text, position)
        if entry is None or (entry["bare"] and re.search(r"\s#", entry["bare"])):
            line = text.count("\n", 0, position) + 1
            raise StartError(f"`.env` line {line} is not a plain KEY=VALUE; {QUOTING}")
        if entry["key"]:
            found[entry["key"]] = _value(entry)
        position = entry.end()
    return found


def _value(entry: re.Match[str]) -> str:
    if entry["double"] is not None:
        return re.sub(r'\\(["\\])', r"\1", entry["double"])
    return entry["single"] or entry["bare"] or ""


def load_env(path: Path, environ: MutableMapping[str, str], *, required: bool) -> None:
    """Set in *environ* what the file says.  The file wins: it is what the owner edits and sees."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if required:
            raise StartError(f"there is no file `{path}`") from None
        return
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"`{path}` cannot be read: {_sentence(error)}") from None
    entries = dotenv(text)
    environ.update(
        {key: value for key, value in entries.items() if not NOT_FROM_FILE.fullmatch(key)}
    )


def number(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    """The whole number of 1 to *most* that the variable *name* holds.  Raises `StartError`."""
    text = environ.get(name, "") or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise StartError(f"{name} is not a whole number of 1 to {most}")
    return int(text)


@dataclass(frozen=True)
class Limits:
    """How much one worker does at once, takes in, and finishes after it is told to stop."""

    threads: int
    body_bytes: int
    drain_seconds: int

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Limits:
        return cls(
            threads=number(environ, "THREADS", 4, 64),
            body_bytes=number(environ, "MAX_BODY_BYTES", 64 * 2**20, 2**40),
            drain_seconds=number(environ, "DRAIN_SECONDS", 25, 3600),
        )


# ── the application ───────────────────────────────────────────────────────────────────

Readiness = Callable[[], "tuple[bool, str]"]
USUAL_NAMES = ("app", "application", "create_app", "wsgi")


@dataclass(frozen=True)
class Application:
    """What is served, and what it tells about itself."""

    wsgi: Callable[..., Iterable[bytes]]
    ready: Readiness
    metrics: Callable[[], str]


def application(target: str) -> Application:
    """
    Import `package.module:name`, or call `package.module:name()`.

    Raises `StartError` with one sentence that says what is missing, or what was raised and where.
    """
    match = re.fullmatch(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)(\(\))?", target)
    if match is None:
        raise StartError(f"`{target}` is not of the form `package.module:app`")
    module = _module(match[1])
    found = _attribute(module, match[2])
    if match[3]:
        with _telling(match[1]):
            found = found()
    return Application(
        wsgi=_wsgi(found, target),
        ready=_companion(found, module, "cinestream_ready", lambda: (True, "")),
        metrics=_companion(found, module, "cinestream_metrics", lambda: ""),
    )


def _module(name: str) -> Any:
    with _telling(name):
        return importlib.import_module(name)


def _attribute(module: Any, name: str) -> Any:
    if hasattr(module, name):
        return getattr(module, name)
    others = [f"`{other}`" for other in USUAL_NAMES if hasattr(module, other)]
    instead = f"; it has {', '.join(others)}" if others else ""
    raise StartError(f"the module `{module.__name__}` has no attribute `{name}`{instead}")


def _wsgi(found: Any, target: str) -> Callable[..., Iterable[bytes]]:
    if not callable(found):
        raise StartError(f"`{target}` is of type `{type(found).__name__}`, not a WSGI application")
    if inspect.iscoroutinefunction(found) or inspect.iscoroutinefunction(type(found).__call__):
        raise StartError(f"`{target}` is an ASGI application, and this worker serves WSGI")
    return found  # type: ignore[no-any-return]


def _companion(
    found: Any, module: Any, name: str, otherwise: Callable[[], Any]
) -> Callable[[], Any]:
    for owner in (found, module):
        companion = getattr(owner, name, None)
        if callable(companion):
            return companion  # type: ignore[no-any-return]
    return otherwise


@contextlib.contextmanager
def _telling(module: str) -> Iterator[None]:
    """Turn whatever the application's own code raises into one sentence."""
    try:
        yield
    except StartError:
        raise
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing and (module == missing or module.startswith(f"{missing}.")):
            raise StartError(f"there is no module `{missing}` in {sys.path[0]}") from error
        raise StartError(
            f"`{module}` needs the module `{missing}`, which is not there {_place(error)}"
        ) from error
    except SyntaxError as error:
        raise StartError(f"{error.filename}:{error.lineno} is not Python: {error.msg}") from error
    except (Exception, SystemExit) as error:
        raise StartError(f"`{module}` raised {_sentence(error)} {_place(error)}") from error


def _sentence(error: BaseException) -> str:
    """The kind and the message of *error*, on one line of bounded length."""
    return f"{type(error).__name__}: {error}".replace("\n", " ").removesuffix(": ")[:400]


def _place(error: BaseException) -> str:
    """
    Where it was raised: the innermost line of the application itself, or the innermost of all.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(sys.path[0] + os.sep)]
    at = (own or frames)[-1]
    return f"({at.filename}:{at.lineno})"


# ── logs ──────────────────────────────────────────────────────────────────────────────

request_id: ContextVar[str] = ContextVar("request_id", default="")
access = logging.getLogger("access")
log = logging.getLogger("worker")

# sd-daemon(3): journald reads the priority from the front of the line.
PRIORITIES = ((logging.ERROR, "<3>"), (logging.WARNING, "<4>"), (logging.INFO, "<6>"), (0, "<7>"))


class Line(logging.Formatter):
    """One line of `key=value` for each record, whatever its text holds."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", None) or {"message": record.getMessage()}
        words = {
            "level": record.levelname.lower(),
            "log": record.name,
            "request": request_id.get(),
            **fields,
        }
        if record.exc_info:
            words["traceback"] = self.formatException(record.exc_info)
        text = " ".join(f"{key}={_quoted(value)}" for key, value in words.items() if value != "")
        return f"{self._priority(record.levelno)}{text}"

    def _priority(self, level: int) -> str:
        if not self._journal:
            return ""
        return next(mark for least, mark in PRIORITIES if level >= least)


def _quoted(value: object) -> str:
    text = str(value)
    return text if re.fullmatch(r"[\w./:@%+,~-]+", text) else json.dumps(text, ensure_ascii=False)


def start_logging(environ: Mapping[str, str]) -> None:
    """Access lines to stdout, all others to stderr; journald adds the time."""
    level = environ.get("LOG_LEVEL", "INFO").upper()
    if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise StartError("LOG_LEVEL is none of DEBUG, INFO, WARNING, ERROR")
    line = Line(journal="JOURNAL_STREAM" in environ)
    for logger, stream in ((logging.getLogger(), sys.stderr), (access, sys.stdout)):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(line)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
    access.propagate = False


# ── numbers ───────────────────────────────────────────────────────────────────────────

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


class Meter:
    """What this process has answered since it started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statuses = dict.fromkeys(("1xx", "2xx", "3xx", "4xx", "5xx"), 0)
        self._within = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._started = time.time()
        self.in_flight = 0

    def begin(self) -> None:
        with self._lock:
            self.in_flight += 1

    def end(self, status: int, seconds: float) -> None:
        with self._lock:
            self.in_flight -= 1
            self._statuses[f"{min(max(status // 100, 1), 5)}xx"] += 1
            self._within[bisect.bisect_left(BUCKETS, seconds)] += 1
            self._seconds += seconds

    def text(self, threads: int, queued: int) -> str:
        """Prometheus' text format, version 0.0.4."""
        with self._lock:
            lines = [*self._requests(), *self._latency()]
            in_flight = self.in_flight
        usage = resource.getrusage(resource.RUSAGE_SELF)
        lines += [
            *_single("cinestream_worker_in_flight", "gauge", in_flight),
            *_single("cinestream_worker_queued", "gauge", queued),
            *_single("cinestream_worker_threads", "gauge", threads),
            *_single("process_resident_memory_bytes", "gauge", resident_bytes()),
            *_single(
                "process_cpu_seconds_total", "counter", round(usage.ru_utime + usage.ru_stime, 3)
            ),
            *_single("process_start_time_seconds", "gauge", round(self._started, 3)),
        ]
        return "\n".join(lines) + "\n"

    def _requests(self) -> Iterator[str]:
        yield "# TYPE cinestream_worker_requests_total counter"
        for status, count in self._statuses.items():
            yield f'cinestream_worker_requests_total{{status="{status}"}} {count}'

    def _latency(self) -> Iterator[str]:
        name = "cinestream_worker_request_seconds"
        yield f"# TYPE {name} histogram"
        total = 0
        for bound, count in zip([*BUCKETS, "+Inf"], self._within):  # noqa: B905 -- strict= needs 3.10
            total += count
            yield f'{name}_bucket{{le="{bound}"}} {total}'
        yield f"{name}_sum {self._seconds:.6f}"
        yield f"{name}_count {total}"


def _single(name: str, kind: str, value: float) -> tuple[str, str]:
    return f"# TYPE {name} {kind}", f"{name} {value}"


def resident_bytes() -> int:
    """The resident set of this process (proc_pid_statm(5): the second number, in pages)."""
    return (
        int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        * resource.getpagesize()
    )


# ── around the application ────────────────────────────────────────────────────────────

Headers = list[tuple[str, str]]
Raised = tuple[type[BaseException], BaseException, TracebackType]


class Exchange:
    """
    One request and its answer, whose head is held back until the first piece of its body is there.
    """

    def __init__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> None:
        self._began = time.perf_counter()
        self._environ = environ
        self._start_response = start_response
        self._head: tuple[str, Headers] | None = None
        self._write: Callable[[bytes], object] | None = None
        self._size = 0

    def start(
        self, status: str, headers: Headers, exc_info: Raised | None = None
    ) -> Callable[[bytes], None]:
        """
        The application's `start_response`; with *exc_info* it may be called again until the head is
        sent (PEP 3333).
        """
        if exc_info and self._write is not None:
            raise exc_info[1].with_traceback(exc_info[2])
        assert exc_info or self._head is None, "the application called start_response twice"
        self._head = status, headers
        return self.write

    def write(self, piece: bytes) -> None:
        self.send_head()
        assert self._write is not None
        self._write(self.counted(piece))

    def send_head(self) -> None:
        if self._write is None:
            assert self._head is not None, "the application answered without calling start_response"
            self._write = self._start_response(*self._head)

    def counted(self, piece: bytes) -> bytes:
        self._size += len(piece)
        return piece

    def failure(self) -> Iterator[bytes]:
        """
        A plain 500 while nothing is sent; after that, a closed connection is the only way to tell
        the client.
        """
        if self._write is not None:
            raise ConnectionAbortedError("an answer was cut short")
        body = b"Internal Server Error\n"
        self._head = "500 Internal Server Error", plain(body)
        self.send_head()
        yield self.counted(body)

    def end(self, meter: Meter) -> None:
        seconds = time.perf_counter() - self._began
        status = int(self._head[0][:3]) if self._head else 500
        meter.end(status, seconds)
        # No address, no query, no agent: nothing here may tell who it was.
        fields = {
            "method": self._environ["REQUEST_METHOD"],
            "path": self._environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
            "status": status,
            "ms": f"{seconds * 1000:.1f}",
            "bytes": self._size,
        }
        access.info("", extra={"fields": fields})


class Answer:
    """What the server iterates over; closing it ends the exchange."""

    def __init__(self, pieces: Iterator[bytes], close: Callable[[], None]) -> None:
        self._pieces = pieces
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


class Front:
    """The application, measured, with `/healthz`, `/readyz` and `/metrics` before it."""

    def __init__(self, app: Application, threads: int) -> None:
        self._app = app
        self._threads = threads
        self._meter = Meter()
        self.queued: Callable[[], int] = lambda: 0
        self._own = {
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/metrics": self._numbers,
        }

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        own = self._own.get(environ["PATH_INFO"])
        if own is not None and environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            status, body = own()
            start_response(status, plain(body))
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
        return self._measured(environ, start_response)

    def _health(self) -> tuple[str, bytes]:
        return "200 OK", b"ok\n"

    def _readiness(self) -> tuple[str, bytes]:
        try:
            well, reason = self._app.ready()
        except Exception as error:  # noqa: BLE001 -- whatever is raised, it means not ready
            well, reason = False, _sentence(error)
        if well:
            return "200 OK", b"ready\n"
        return "503 Service Unavailable", f"{reason}\n".encode()

    def _numbers(self) -> tuple[str, bytes]:
        text = self._meter.text(self._threads, self.queued())
        return "200 OK", (text + self._app.metrics()).encode()

    def _measured(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Answer:
        environ["cinestream.request_id"] = identity(environ.get("HTTP_X_REQUEST_ID", ""))
        exchange = Exchange(environ, start_response)
        closing = contextlib.ExitStack()
        closing.callback(request_id.set, "")
        closing.callback(exchange.end, self._meter)
        self._meter.begin()
        request_id.set(environ["cinestream.request_id"])
        return Answer(self._pieces(environ, exchange, closing), closing.close)

    def _pieces(
        self, environ: dict[str, Any], exchange: Exchange, closing: contextlib.ExitStack
    ) -> Iterator[bytes]:
        try:
            answer = self._app.wsgi(environ, exchange.start)
            if hasattr(answer, "close"):
                closing.callback(answer.close)
            for piece in filter(None, answer):
                exchange.send_head()
                yield exchange.counted(piece)
            exchange.send_head()
        # SystemExit too: an application must not be able to stop the server with it.
        except (Exception, SystemExit):
            log.exception("the application failed")
            yield from exchange.failure()


def plain(body: bytes) -> Headers:
    return [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]


def identity(given: str) -> str:
    """The `$request_id` of nginx when there is one, so that its log and ours can be joined."""
    return given if re.fullmatch(r"[\w-]{1,64}", given, re.ASCII) else uuid.uuid4().hex


# ── the server ────────────────────────────────────────────────────────────────────────


class Request(http.HTTPRequest):
    """
    Cheroot's request, which sends the head of an answer together with the first piece of its body.
    """

    head = b""

    def send_headers(self) -> None:
        wire, held = self.conn.wfile, io.BytesIO()
        self.conn.wfile = held
        try:
            super().send_headers()
        finally:
            self.conn.wfile = wire
        self.head = held.getvalue()

    def ensure_headers_sent(self) -> None:
        if self.sent_headers and self.head:  # nothing came after the head
            self._send_head_with(b"")
        super().ensure_headers_sent()

    def write(self, chunk: bytes) -> None:
        if not self.head:
            super().write(chunk)
        elif self.chunked_write:
            self._send_head_with(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        else:
            self._send_head_with(chunk)

    def _send_head_with(self, rest: bytes) -> None:
        head, self.head = self.head, b""
        self.conn.wfile.write(head + rest)


class Connection(http.HTTPConnection):
    """
    Cheroot's connection, which tells the server that a thread took it up and was done with it.
    """

    RequestHandlerClass = Request
    last_used = 0.0
    answered = False

    def communicate(self) -> bool:
        self.server.progress = time.monotonic()
        try:
            return bool(super().communicate())  # type: ignore[no-untyped-call]
        finally:
            self.answered = True
            self.server.progress = time.monotonic()


class Door:
    """The listening socket on 127.0.0.1: systemd's, which outlives us, or one that we bound."""

    def __init__(self, sock: socket.socket, *, handed: bool) -> None:
        # A predecessor may have taken the connection that woke us, so accept() must never block.
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.listen(BACKLOG)
        self.socket = sock
        self.address: tuple[str, int] = sock.getsockname()[:2]
        self.is_open = False
        self._handed = handed

    def turn(self, selector: selectors.BaseSelector) -> None:
        """Open it when it is shut, and shut it when it is open."""
        if self.is_open:
            selector.unregister(self.socket)
        else:
            selector.register(self.socket, selectors.EVENT_READ)
        self.is_open = not self.is_open

    def close(self, selector: selectors.BaseSelector, accept: Callable[[], bool]) -> None:
        """
        Shut it for good.  Who waits before systemd's socket is our successor's; who waits before
        ours is ours.
        """
        if self.is_open:
            self.turn(selector)
        while not self._handed and accept():
            pass
        self.socket.close()


def door(port: int | None, environ: MutableMapping[str, str]) -> Door:
    """
    The socket that systemd hands over (sd_listen_fds(3)), else one of our own.  Raises
    `StartError`.
    """
    count, owner = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", None)
    if count and owner == str(os.getpid()):
        return _handed(port)
    if port is None:
        raise StartError("no port: give `--port N`, set PORT, or start it from a systemd socket")
    return _bound(port)


def _handed(port: int | None) -> Door:
    try:
        sock = socket.socket(fileno=3)
        listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise StartError(
            f"systemd promised a socket, but file descriptor 3 is none ({error.strerror})"
        ) from error
    if sock.family != socket.AF_INET or not listening:
        raise StartError("the socket that systemd handed over does not listen on an IPv4 port")
    if port not in (None, sock.getsockname()[1]):
        raise StartError(
            f"systemd handed over port {sock.getsockname()[1]}, but `--port` says {port}"
        )
    sock.set_inheritable(False)
    return Door(sock, handed=True)


def _bound(port: int) -> Door:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
    except OSError as error:
        sock.close()
        raise StartError(f"port {port} cannot be bound: {error.strerror}") from error
    return Door(sock, handed=False)


class Server(wsgi.Server):
    """
    Cheroot's parser, gateway and threads behind a door of our own.

    Cheroot's own loop gives every new connection to a thread at once, so silent clients take up the
    threads; accepts without a bound, so a process that is killed takes many requests with it; and
    on `stop` touches and closes the socket that systemd holds for our successor.  Here one thread
    waits on the door and on all silent connections.
    """

    ConnectionClass = Connection
    max_request_header_size = HEADER_BYTES

    def __init__(self, door: Door, app: Callable[..., Any], limits: Limits) -> None:
        super().__init__(
            door.address,
            app,
            numthreads=limits.threads,
            max=limits.threads,
            server_name="localhost",
            timeout=IDLE_SECONDS,
        )
        self.max_request_body_size = limits.body_bytes
        self.software = self.version
        self.progress = time.monotonic()
        self._door = door
        self._waiting = selectors.DefaultSelector()
        self._returned: collections.deque[Connection] = collections.deque()
        self._looked = time.monotonic()
        self._bell, self._rope = socket.socketpair()
        self._rope.setblocking(False)

    def prepare(self) -> None:
        """Start the threads."""
        self.requests.start()
        self._waiting.register(self._bell, selectors.EVENT_READ)
        self.ready = True

    def serve(self) -> None:
        """Answer until `stop` is called, and then everything that was accepted before it."""
        while self.ready:
            self._mind_the_door()
            self._turn(timeout=1 if self._door.is_open else 0.01)
        self._drain()

    def stop(self) -> None:
        """Let `serve` come to its end.  May be called from a signal handler and from any thread."""
        self.ready = False
        self._ring()

    def put_conn(self, conn: Connection) -> None:
        """Take back, from one of the threads, a connection that may bring another request."""
        self._returned.append(conn)
        self._ring()

    @property
    def can_add_keepalive_connection(self) -> bool:
        return self.ready

    @property
    def queued(self) -> int:
        """How many connections wait for a thread."""
        return int(self.requests.qsize)

    def probe(self) -> socket.socket:
        """
        Send ourselves a request, past the firewall; the far end closes when a thread has answered
        it.
        """
        near, far = socket.socketpair()
        near.setblocking(False)
        near.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.put_conn(self._connection(far))
        return near

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        log.log(level, "%s", msg, exc_info=traceback)

    def _ring(self) -> None:
        # A full pipe has rung already.
        with contextlib.suppress(BlockingIOError):
            self._rope.send(b"!")

    def _mind_the_door(self) -> None:
        if self._door.is_open != (self.queued < AHEAD):
            self._door.turn(self._waiting)

    def _turn(self, timeout: float) -> None:
        for key, _ in self._waiting.select(timeout):
            if key.fileobj is self._door.socket:
                self._accept()
            elif key.fileobj is self._bell:
                self._bell.recv(4096)
            else:
                self._waiting.unregister(key.fileobj)
                self.requests.put(key.data)
        while self._returned:
            self._await(self._returned.popleft())
        self._expire()

    def _accept(self) -> bool:
        try:
            sock, address = self._door.socket.accept()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOMEM}:
                log.error("no connection could be accepted: %s", error)  # noqa: TRY400 -- the trace says no more
                time.sleep(0.1)
            return False
        conn = self._connection(sock)
        conn.remote_addr, conn.remote_port = address[:2]
        self._await(conn)
        return True

    def _connection(self, sock: socket.socket) -> Connection:
        sock.settimeout(self.timeout)
        return self.ConnectionClass(self, sock)

    def _await(self, conn: Connection) -> None:
        """
        Leave *conn* until its client speaks; what it said already is in our buffer, not in the
        kernel's.
        """
        conn.last_used = time.monotonic()
        if conn.rfile.has_data():
            self.requests.put(conn)
        else:
            self._waiting.register(conn.socket, selectors.EVENT_READ, conn)

    def _silent(self) -> list[Connection]:
        return [key.data for key in list(self._waiting.get_map().values()) if key.data is not None]

    def _expire(self) -> None:
        now = time.monotonic()
        if now - self._looked < 1:
            return
        self._looked = now
        for conn in self._silent():
            if now - conn.last_used > IDLE_SECONDS:
                self._dismiss(conn)

    def _dismiss(self, conn: Connection) -> None:
        self._waiting.unregister(conn.socket)
        conn.close()

    def _drain(self) -> None:
        """
        Answer what was accepted: what is being worked on, what is queued, and what has not spoken
        yet.
        """
        self._door.close(self._waiting, self._accept)
        end = time.monotonic() + LAST_WORDS_SECONDS
        self._turn(timeout=0)
        while time.monotonic() < end and self._silent():
            self._turn(timeout=0)
            for conn in self._silent():
                if conn.answered:
                    self._dismiss(conn)
            self._turn(timeout=0.05)
        for conn in self._silent():
            self._dismiss(conn)
        self.requests.stop(timeout=None)
        for conn in self._returned:
            conn.close()


# ── systemd ───────────────────────────────────────────────────────────────────────────


def notify(environ: Mapping[str, str], state: str) -> None:
    """
    Tell systemd *state* (sd_notify(3)); nothing happens, and nothing fails, where nobody listens.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), address)


def watchdog_seconds(environ: Mapping[str, str]) -> float:
    """How long systemd bears our silence (sd_watchdog_enabled(3)); 0 when it does not watch us."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    return int(environ.get("WATCHDOG_USEC") or 0) / 1_000_000


def keep_fed(server: Server, seconds: float, feed: Callable[[], None]) -> None:
    """
    Feed the watchdog for as long as threads take up requests and are done with them; never returns.

    An idle server is sent a request of our own.  Ticks come every quarter of *seconds*, and the
    last sign of life may be a half old: requests that all take anything less than *seconds* do no
    harm, and a server whose threads all hang is given up between 1.25 and 1.5 times *seconds* after
    the last of them stopped.
    """
    probe = server.probe()
    while True:
        time.sleep(seconds / 4)
        if time.monotonic() - server.progress < seconds / 2:
            feed()
        if answered(probe):
            probe.close()
            probe = server.probe()


def answered(probe: socket.socket) -> bool:
    """Whether a thread has closed the far end of *probe*."""
    try:
        while probe.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


# ── the command ───────────────────────────────────────────────────────────────────────


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="worker", description="Serve one WSGI application on one port of 127.0.0.1."
    )
    parser.add_argument(
        "--port", type=int, help="the port to bind, or that systemd's socket must have"
    )
    parser.add_argument(
        "--wsgi",
        required=True,
        metavar="MODULE:APP",
        help="such as `blog.wsgi:app`, or `blog:create_app()`",
    )
    parser.add_argument("--source", type=Path, metavar="DIR", help="where the modules are")
    parser.add_argument(
        "--env-file", type=Path, metavar="PATH", help="instead of `.env` here, which may be missing"
    )
    parser.add_argument(
        "--check", action="store_true", help="import the application, and serve nothing"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve, or with `--check` only import; 0 when all went well, 1 when it could not start."""
    given = arguments(sys.argv[1:] if argv is None else argv)
    try:
        return run(given, os.environ)
    except StartError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1


def run(given: argparse.Namespace, environ: MutableMapping[str, str]) -> int:
    load_env(given.env_file or Path(".env"), environ, required=given.env_file is not None)
    if given.source is not None:
        sys.path.insert(0, str(given.source.resolve()))
    start_logging(environ)
    limits = Limits.read(environ)
    app = application(given.wsgi)
    if not given.check:
        serve(app, door(chosen_port(given.port, environ), environ), limits, environ)
    return 0


def chosen_port(given: int | None, environ: Mapping[str, str]) -> int | None:
    """The port of the command line, or of PORT, or none."""
    text = environ.get("PORT", "") if given is None else str(given)
    return number({"PORT": text}, "PORT", 0, 65535) if text else None


def serve(app: Application, at: Door, limits: Limits, environ: Mapping[str, str]) -> None:
    """Answer requests until SIGTERM or SIGINT, and then all that were accepted before."""
    front = Front(app, limits.threads)
    server = Server(at, front, limits)
    front.queued = lambda: server.queued
    server.prepare()
    stop_on_signals(server, limits, environ)
    watch(server, environ)
    # What was imported stays: the collector need not walk it again.
    gc.collect()
    gc.freeze()
    notify(environ, f"READY=1\nSTATUS=Serving on {at.address[0]}:{at.address[1]}")
    log.info("serving on %s:%s", *at.address)
    try:
        server.serve()
    except Exception:
        log.exception("the server failed")
        logging.shutdown()
        # The threads of the pool would keep a process alive that accepts nothing.
        os._exit(1)
    log.info("stopped")


def stop_on_signals(server: Server, limits: Limits, environ: Mapping[str, str]) -> None:
    def stop(_number: int, _frame: object) -> None:
        notify(environ, "STOPPING=1")
        server.stop()
        give_up_after(limits.drain_seconds)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def watch(server: Server, environ: Mapping[str, str]) -> None:
    seconds = watchdog_seconds(environ)
    if seconds:
        feed = lambda: notify(environ, "WATCHDOG=1")  # noqa: E731 -- one word for one line
        threading.Thread(
            target=keep_fed, args=(server, seconds, feed), name="watchdog", daemon=True
        ).start()


def give_up_after(seconds: int) -> None:
    """Leave at once after *seconds*, whatever is still unanswered or hangs."""

    def leave() -> None:
        log.error("some requests were still unanswered after %s s", seconds)
        logging.shutdown()
        os._exit(0)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    # The directory of this file is nobody's source: the module `worker` may be the application's.
    if sys.path and sys.path[0] == str(Path(__file__).resolve().parent):
        del sys.path[0]
    sys.exit(main())
