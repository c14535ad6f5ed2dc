"""
People who keep asking for a page while something else goes on.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import Self

from tests.owner.asking import asking
from tests.owner.owner import Host

PEOPLE = 3
PAUSE = 0.02  # seconds


class Visitors:
    """People who keep asking for a page while something else goes on."""

    PATHS = ("/healthz", "/")

    def __init__(self, host: Host, name: str) -> None:
        self.host, self.name = host, name
        self.statuses: Counter[int] = Counter()
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        self.asked = [
            self.stack.enter_context(asking(self.host, self.name, *self.PATHS, pause=PAUSE))
            for _ in range(PEOPLE)
        ]
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()
        self.statuses.update(each.status for asked in self.asked for each in asked.answers)
