"""
The signals that end a conversation, heard only where work can be put down.

Nothing but `Stops.allowed` may be cut short by one: a signal that comes at another moment waits.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from types import FrameType
from typing import Iterator, Optional

STOPS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Stops:
    """Turns a signal into an `EOFError`, as if the other side had hung up."""

    def __init__(self) -> None:
        self.why = ""
        self.nobody_listens = False  # what cannot be told is not told, and that is all
        self._deaf = False
        self._allowed = False

    def listen(self) -> None:
        for number in (*STOPS, signal.SIGALRM):
            signal.signal(number, self._hear)

    @contextmanager
    def allowed(self, patience: float = 0) -> Iterator[None]:
        """Stop here if told to, now or within the block; at most *patience* seconds, if any."""
        if self._deaf:
            yield
            return
        if self.why:
            raise EOFError(self.why)
        self._allowed = True
        try:
            signal.setitimer(signal.ITIMER_REAL, patience)
            yield
        finally:
            self._allowed = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """The block goes on if the other side hangs up."""
        before, self.nobody_listens = self.nobody_listens, True
        try:
            yield
        finally:
            self.nobody_listens = before

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Nothing cuts the block short: neither a signal, nor a hang-up."""
        before, self._deaf = self._deaf, True
        try:
            with self.alone():
                yield
        finally:
            self._deaf = before

    def _hear(self, number: int, _: Optional[FrameType]) -> None:
        silence = number == signal.SIGALRM
        self.why = "nobody spoke in time" if silence else f"{signal.Signals(number).name} came"
        if self._allowed:
            # A second signal must not cut short what the first one started.
            self._allowed = False
            raise EOFError(self.why)
