"""
A successor: the same program started once more, before the same door, while we still answer.

Who comes meanwhile waits for nobody.  It is started in what we ourselves were given, not in what we
have made of it, so it reads `.env` and the application anew.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from io import FileIO

from cinestream_worker.errors import StartError

DOOR, HERALD, BEFORE = "LISTEN_INHERITED", "LISTEN_HERALD", "LISTEN_BEFORE"
# In our status: whoever asks for a successor goes by these words.
ABLE, COMING = "Serving; SIGHUP asks for a successor", "Serving; a successor starts"
NONE = f"{ABLE}; none came"
PATIENCE = 90  # seconds in which a successor is ready, as TimeoutStartSec= of its unit
# Its parent is to be systemd, which else would not learn at once that it has ended.
ORPHAN = '"$@" & echo $! >/dev/fd/{herald}'


@dataclass(frozen=True)
class Predecessor:
    """Who answered before us and waits for our word; of a first process it is nobody."""

    herald: int = -1
    process: int = -1  # a pidfd_open(2): its number may be another's when we leave

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> Predecessor:
        herald, process = environ.pop(HERALD, ""), environ.pop(BEFORE, "")
        if not (herald and process):
            return cls()
        os.setpgid(0, 0)  # before, we are of the group of the shell that started us
        return cls(int(herald), os.pidfd_open(int(process)))

    def relieve(self) -> None:
        """Tell it that we answer from now on."""
        if self.herald >= 0:
            with contextlib.suppress(OSError):
                os.write(self.herald, b"ready\n")
            os.close(self.herald)

    def see_off(self, seconds: float) -> None:
        """Let it finish what it had begun: systemd ends whoever is left when we have gone."""
        if self.process >= 0:
            select.select([self.process], [], [], seconds)


def successor(born: Mapping[str, str], door: int) -> int:
    """
    The process id of a successor that is ready to answer at the socket *door*.

    *born* is the environment that this process was started with.  Raises `StartError`, and there is
    none, if it ends or takes too long.
    """
    hear, herald = os.pipe()
    # It has another process id than the one that systemd meant.
    environ = {
        name: value for name, value in born.items() if name not in {"LISTEN_PID", "WATCHDOG_PID"}
    }
    environ |= {DOOR: str(door), HERALD: str(herald), BEFORE: str(os.getpid())}
    with FileIO(hear) as words:
        try:
            subprocess.run(
                ["/bin/sh", "-c", ORPHAN.format(herald=herald), "sh", *sys.orig_argv],
                env=environ,
                pass_fds=(door, herald),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise StartError(f"{NONE}: {error}") from error
        finally:
            os.close(herald)
        return awaited(words)


def awaited(words: FileIO) -> int:
    """The process of which the shell tells, once that says itself that it is ready."""
    told, end = b"", time.monotonic() + PATIENCE
    while not told.endswith(b"ready\n"):
        heard, _, _ = select.select([words], [], [], max(0, end - time.monotonic()))
        more = words.read(64) if heard else b""
        if not more:
            why = "ended" if heard else f"was not ready after {PATIENCE} s"
            raise StartError(f"{NONE}: {dismissed(told)} {why}")
        told += more
    return int(told.split()[0])


def dismissed(told: bytes) -> str:
    """The name of the process that was *told* of; it is not there any more."""
    if not told:
        return "it"
    with contextlib.suppress(OSError):
        os.kill(int(told), signal.SIGKILL)
    return f"process {int(told)}"


def leave_nobody() -> None:
    """End what we have started ourselves, as systemd does where there is no successor."""
    if os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
