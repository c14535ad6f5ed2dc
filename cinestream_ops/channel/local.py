"""
The agent as a child process on this machine.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

from cinestream_ops.channel.stub import STUB
from cinestream_ops.state import paths

FAREWELL = 900  # seconds; it may be on its way back, restarting workers in batches


@contextmanager
def local(
    python: str = sys.executable, home: str = paths.HOME
) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The agent's inbox and outbox, for as long as the block lasts."""
    with started(python, home) as agent:
        assert agent.stdin
        assert agent.stdout
        try:
            yield cast("BinaryIO", agent.stdin), cast("BinaryIO", agent.stdout)
        finally:
            hang_up(agent)


def started(python: str, home: str) -> subprocess.Popen[bytes]:
    # Its own session: Ctrl-C is for the controller, whose hanging up is what the agent obeys.
    return subprocess.Popen(
        [python, "-I", "-S", "-c", STUB, home],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
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
