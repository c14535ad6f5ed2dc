"""
The agent's process: a job on its stdin, events on its stdout, and an end by a deadline.

It gets the API key and nothing else of the site's; here alone it is started.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from showtimes.settings import Settings

Event = Mapping[str, Any]

SOURCE = Path(__file__).resolve().parent.parent
LONGEST = 8 << 20  # bytes of a line
SECONDS_TO_END = 5


def environ(settings: Settings) -> dict[str, str]:
    """All of the environment that the agent gets."""
    words = {
        "ANTHROPIC_API_KEY": settings.anthropic_api_key,
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "PYTHONPATH": str(SOURCE),
    }
    base = settings.anthropic_base_url
    return {**words, "ANTHROPIC_BASE_URL": base} if base else words


class Child:
    """
    `python -m MODULE` in a process group of its own, killed after *seconds*; `late` tells whether
    it was.  Left as a context manager, it leaves nobody alive.
    """

    def __init__(
        self, job: Mapping[str, Any], env: Mapping[str, str], seconds: float, module: str = "gather"
    ) -> None:
        self.late = False
        self._guard = threading.Lock()
        self._over = False
        self._said: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        ours, self._tether = os.pipe()
        try:
            self._process = _started(module, ours, env)
        except OSError:
            os.close(self._tether)
            raise
        finally:
            os.close(ours)
        self._timer = threading.Timer(seconds, self._expire)
        self._ear = threading.Thread(target=self._listen, name="agent-ear", daemon=True)
        self._begin(json.dumps(job).encode())

    def _begin(self, job: bytes) -> None:
        try:
            self._timer.daemon = True
            self._timer.start()
            self._ear.start()
            assert self._process.stdin
            with contextlib.suppress(BrokenPipeError), self._process.stdin as stdin:
                stdin.write(job)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def events(self, tick: float) -> Iterator[Event]:
        """What it says, as it says it, to its end; an empty event after each *tick* of silence."""
        while True:
            try:
                line = self._said.get(timeout=tick)
            except queue.Empty:
                yield {}
                continue
            if line is None:
                return
            yield _event(line)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Signal the group, and only while its number is still its own."""
        with self._guard:
            if not self._over:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, number)

    def close(self) -> None:
        self._timer.cancel()
        self.kill()
        with self._guard, contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_END)
            self._over = True
        if self._ear.ident:
            self._ear.join(SECONDS_TO_END)
        if self._tether >= 0:
            os.close(self._tether)
            self._tether = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _expire(self) -> None:
        self.late = True
        self.kill()

    def _listen(self) -> None:
        assert self._process.stdout
        with contextlib.suppress(OSError), self._process.stdout as out:
            while line := out.readline(LONGEST):
                self._said.put(line)
        self._said.put(None)


def _started(module: str, tether: int, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-B", "-m", "gather.tethered", module, str(tether)],
        env=dict(env),
        cwd="/",  # where no `.env` is, and no module that could be taken for another
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a stray print could hold what was fetched
        pass_fds=[tether],
        start_new_session=True,
    )


def _event(line: bytes) -> Event:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
