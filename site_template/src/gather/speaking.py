"""
What the parent hears: one JSON object a line, each whole.

Nobody else may write to the real stdout: `own_stdout` takes it away from the rest of the program.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from typing import Any, BinaryIO

from gather.failures import Failed


def own_stdout() -> BinaryIO:
    """The real stdout; from here on a stray print goes to stderr and cannot tear a line."""
    outbox = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return outbox


class Voice:
    """
    Events to *outbox*, each with *words*; *secrets* are blotted out, should they ever get that far.
    """

    def __init__(self, outbox: BinaryIO, secrets: Iterable[str] = (), **words: Any) -> None:
        self._outbox = outbox
        self._secrets = [secret for secret in secrets if secret]
        self._words = words
        self._one_at_a_time = threading.Lock()

    def about(self, city: str) -> Voice:
        """The same voice, speaking of *city*."""
        other = Voice(self._outbox, self._secrets, city=city)
        other._one_at_a_time = self._one_at_a_time
        return other

    def progress(self, step: str, done: int, of: int) -> None:
        self._say(event="progress", step=step, done=done, of=of)

    def result(
        self,
        rows: list[dict[str, Any]],
        dropped: dict[str, int],
        pages: list[str],
        usage: dict[str, Any],
    ) -> None:
        self._say(event="result", rows=rows, dropped=dropped, pages=pages, usage=usage)

    def failed(self, failure: Failed, usage: dict[str, Any]) -> None:
        self._say(
            event="failed",
            reason=failure.reason,
            detail=failure.detail,
            retry_after=failure.retry_after,
            usage=usage,
        )

    def done(self, cities: int, usage: dict[str, Any]) -> None:
        """The last of many cities was spoken of."""
        self._say(event="done", cities=cities, usage=usage)

    def _say(self, **event: Any) -> None:
        # ASCII only, so a line separator of Unicode in a title does not end the line.
        line = json.dumps({**event, **self._words})
        for secret in self._secrets:
            line = line.replace(secret, "[secret]")
        with self._one_at_a_time:
            self._outbox.write(line.encode() + b"\n")
            self._outbox.flush()
