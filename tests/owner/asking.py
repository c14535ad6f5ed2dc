"""
Somebody on the server who asks one site for one page, ten times a second, and writes down what came.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cinestream_ops import lab
from tests.owner.owner import Host

LONGEST = 20  # seconds for one answer
SCRIPT = (
    "while :; do curl -s -o /dev/null -m %d -w '%%{http_code} %%{time_total} %%header{retry-after}\\n'"
    " -H 'Host: %s' 'http://127.0.0.1%s'; sleep .1; done"
)


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
def asking(host: Host, name: str, path: str = "/") -> Iterator[Asked]:
    """*name* is asked for *path* for as long as the block takes."""
    asked = Asked()
    visitor = subprocess.Popen(
        lab.ssh_argv(host.lab, [SCRIPT % (LONGEST, name, path)]), stdout=subprocess.PIPE, text=True
    )
    try:
        yield asked
    finally:
        visitor.terminate()
        told, _ = visitor.communicate(timeout=30)
        # The last line may be half of one.
        asked.answers += [answer(line) for line in told.splitlines()[:-1]]


def answer(line: str) -> Answer:
    status, seconds, retry_after = line.split(" ", 2)
    return Answer(int(status), float(seconds), retry_after)
