"""
A stand-in for the Messages API that always finds a showtime, whatever city it is asked about, and
takes its time for that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from messages_api import Api, Body, Reply, handler, listening, showtimes
from running import page, row


@dataclass
class Answering(Api):
    """Knows which of its two questions it is asked by the form that the answer must have."""

    replies: list[Reply] = field(default_factory=list)
    seconds: float = 0  # for one answer
    begun: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, body: Body) -> Reply:
        with self.guard:
            formed = "format" in body.get("output_config", {})
            self.replies = [showtimes(row()) if formed else page()]
            answer = super().reply(body)
            self.begun += 1
        time.sleep(self.seconds)
        return answer


@contextmanager
def answering(seconds: float = 0) -> Iterator[Answering]:
    api = Answering(seconds=seconds)
    with listening(handler(api)) as port:
        api.port = port
        yield api
