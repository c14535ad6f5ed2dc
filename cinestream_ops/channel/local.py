"""
The agent as a child process on this machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import BinaryIO, cast

from cinestream_ops.channel.streams import BUFFER, LAST_WORDS
from cinestream_ops.channel.stub import STUB
from cinestream_ops.errors import Unreachable
from cinestream_ops.state import paths

FAREWELL = 900  # seconds; it may be on its way back, restarting workers in batches


@contextmanager
def local(
    python: str = sys.executable, home: str = paths.HOME
) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """
    The agent's inbox and outbox, for as long as the block lasts.

    What it says on stderr, which may be another program's words, is only told where it is lost.
    """
    hear, say = os.pipe()
    with started(python, home, say) as agent:
        os.close(say)
        ear = Ear(hear)
        assert agent.stdin
        assert agent.stdout
        try:
            yield cast("BinaryIO", agent.stdin), cast("BinaryIO", agent.stdout)
        except Unreachable as error:
            if type(error) is not Unreachable or not (said := ear.words()):
                raise
            raise Unreachable(f"{error}: {said[-1]}", error.hint) from error
        finally:
            hang_up(agent)


class Ear(Thread):
    """Hears what is written to a pipe to its end, and keeps the last of it."""

    def __init__(self, handle: int) -> None:
        super().__init__(daemon=True, name="stderr of the agent")
        self._handle, self._said = handle, b""
        self.start()

    def run(self) -> None:
        while piece := os.read(self._handle, BUFFER):
            self._said = (self._said + piece)[-LAST_WORDS:]
        os.close(self._handle)

    def words(self) -> list[str]:
        """Its lines; complete once the agent has ended, for which a second is waited."""
        self.join(1)
        return self._said.decode(errors="replace").strip().splitlines()


def started(python: str, home: str, stderr: int) -> subprocess.Popen[bytes]:
    # Its own session: Ctrl-C is for the controller, whose hanging up is what the agent obeys.
    return subprocess.Popen(
        [python, "-I", "-S", "-c", STUB, home],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
    )


def hang_up(agent: subprocess.Popen[bytes]) -> None:
    """Say no more, and wait until the agent has put everything back that is not kept."""
    assert agent.stdin
    assert agent.stdout
    with suppress(BrokenPipeError):  # it may be gone already
        agent.stdin.close()
    agent.stdout.close()
    agent.wait(FAREWELL)
