"""
Somebody on the server who asks one site for a page all the while, and writes down what came.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cinestream_ops import lab
from tests.owner.owner import Host

LONGEST = 20  # seconds for one answer
PAUSE = 0.1  # seconds between an answer and the next request
PROGRAM = Path(__file__).with_name("asker.py").read_text()


@dataclass(frozen=True)
class Answer:
    status: int
    seconds: float
    retry_after: str


@dataclass
class Asked:
    """The answers so far; whole once nobody asks any more."""

    answers: list[Answer] = field(default_factory=list)

    @property
    def statuses(self) -> set[int]:
        return {each.status for each in self.answers}

    @property
    def longest(self) -> float:
        return max(each.seconds for each in self.answers)


@contextmanager
def asking(host: Host, name: str, *paths: str, pause: float = PAUSE) -> Iterator[Asked]:
    """*name* is asked for the *paths* in turn, for as long as the block takes."""
    asked = Asked()
    program = ["python3", "-I", "-S", "-c", PROGRAM, name, str(pause), str(LONGEST)]
    visitor = subprocess.Popen(
        lab.ssh_argv(host.lab, [*program, *(paths or ("/",))]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield asked
    finally:
        told, _ = visitor.communicate(timeout=2 * LONGEST)
        asked.answers += [answer(line) for line in told.splitlines()]


def answer(line: str) -> Answer:
    status, seconds, retry_after = line.split(" ", 2)
    return Answer(int(status), float(seconds), retry_after)
