"""
The tenant on one port of this machine, for people who work on its pages: `python run.py`.

Has a database of its own that is gone afterwards, an invented programme that says so, and a
stand-in for the Messages API, so that nothing here costs money.  Whatever changes in the tenant's
source is served at once.  Ctrl-C ends all of it.
"""

# ruff: noqa: T201 -- it is a program, and speaks.
from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1] / "site_template" / "src"
sys.path[:0] = [str(HERE), str(HERE.parent / "tenant"), str(SOURCE)]

import messages_api  # noqa: E402 -- the path above
import sample  # noqa: E402
import stand_in  # noqa: E402
from showtimes import schedule  # noqa: E402
from showtimes.database import Store  # noqa: E402
from tenant_processes import AS_SYSTEMD, Mongod, get  # noqa: E402

PORTS = range(8001, 8101)
DATABASE = "sample"
LOOK_SECONDS = 0.5  # between two looks at the source
END_SECONDS = 10
START_SECONDS = 30


def main() -> None:
    options = arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    # A second Ctrl-C, or the terminal's own to all of us, must not cut the end short.
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="cinestream-run-")))
        print("Starting a database with an invented programme…", flush=True)
        mongod = stack.enter_context(database(folder / "mongod"))
        fill(mongod.uri)
        api = stand_in.StandIn(seconds=options.pace)
        api.port = stack.enter_context(messages_api.listening(stand_in.handler(api)))
        write_env(folder, mongod.uri, api.url)
        serve(folder, stack.enter_context(door()))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--pace",
        type=float,
        default=4,
        help="seconds that the stand-in for Claude takes for an answer",
    )
    return parser.parse_args()


def stop(_number: int, _frame: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


# ── what it stands on ──


@contextmanager
def database(folder: Path) -> Iterator[Mongod]:
    folder.mkdir()
    mongod = Mongod(folder)
    try:
        mongod.start()
        yield mongod
    finally:
        if mongod.process:
            mongod.stop()


def fill(uri: str) -> None:
    """The programme of some cities; the others wait for a visitor who asks."""
    store, now = Store(uri, DATABASE), datetime.now(UTC)
    for slug, hours in sample.SAMPLE["seeded"].items():
        schedule.keep(store.showtimes, sample.programme(sample.CITIES[slug], now), now)
        looked = {"status": "fresh", "last_updated": now - timedelta(hours=hours)}
        store.locations.update_one({"city": slug}, {"$set": looked})
    store.close()


def write_env(folder: Path, uri: str, api: str) -> None:
    words = {
        "MONGODB_URI": uri,
        "MONGODB_DATABASE": DATABASE,
        "SECRET_KEY": "a sample, and no secret",
        "ANTHROPIC_API_KEY": "a-sample-and-no-key",
        "ANTHROPIC_BASE_URL": api,
        # One page holds the whole sample.
        "AGENT_PAGE_TOKENS": "20000",
        # Nothing here costs money: nobody shall wait.
        "AI_DAILY_USD": "1000",
        "AI_STARTS_PER_HOUR": "10000",
    }
    lines = (f'{name}="{word}"\n' for name, word in words.items())
    (folder / ".env").write_text("".join(lines))


@contextmanager
def door() -> Iterator[socket.socket]:
    """The first free port, held open while workers come and go."""
    for port in PORTS:
        with suppress(OSError):
            held = socket.create_server(("127.0.0.1", port), backlog=128)
            break
    else:
        raise SystemExit(f"error: none of the ports {PORTS[0]} to {PORTS[-1]} is free")
    with held:
        yield held


# ── the worker ──


def serve(folder: Path, held: socket.socket) -> None:
    """One worker after the other, a new one whenever the source has changed."""
    port = held.getsockname()[1]
    known = state_of_source()
    with worker(folder, held) as process:
        wait_for(port, process)
        print(f"\n  http://127.0.0.1:{port}/\n\nCtrl-C ends it.", flush=True)
        known = wait_for_change(known)
    while True:
        print("The source has changed: starting anew.", flush=True)
        with worker(folder, held):
            known = wait_for_change(known)


@contextmanager
def worker(folder: Path, held: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """Started as systemd does it, in a process group of its own, and ended with all its children."""
    number, port = held.fileno(), held.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", AS_SYSTEMD, str(number)),
            *(str(SOURCE / "main.py"), "--port", str(port)),
        ],
        cwd=folder,
        pass_fds=[number],
        process_group=0,
    )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
        # What it had started, such as a look at the cinemas, ends with it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError):
            if get(port, "/readyz", seconds=5).status == 200:
                return
        time.sleep(0.1)
    raise SystemExit("error: the worker did not start; what it said stands above")


def wait_for_change(known: frozenset[tuple[str, int]]) -> frozenset[tuple[str, int]]:
    """What the source has become, when it is no more as it is *known*."""
    while (found := state_of_source()) == known:
        time.sleep(LOOK_SECONDS)
    return found


def state_of_source() -> frozenset[tuple[str, int]]:
    found = set()
    for path in SOURCE.rglob("*"):
        # An editor's own files come and go.
        with suppress(FileNotFoundError):
            if path.is_file() and "__pycache__" not in path.parts:
                found.add((str(path), path.stat().st_mtime_ns))
    return frozenset(found)


if __name__ == "__main__":
    main()
