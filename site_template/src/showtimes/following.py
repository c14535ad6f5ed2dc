"""
A run from its child's first word to its last: the lock is renewed, progress is told, and the child
is not outlived by its right to run.

It keeps nothing of what was found: that is for `keeping`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pymongo.errors import PyMongoError

from showtimes import lock
from showtimes.child import Child, Event
from showtimes.lock import Held, Locations

log = logging.getLogger(__name__)

TICK = 0.25  # seconds between two looks at what the child cannot tell
TELL_SECONDS = 1.0
LOST = "lost"  # of a batch: what it costs is not known


@dataclass(frozen=True)
class End:
    """
    How a child ended: *reason* is `found`, or why it found nothing.

    *usage* is None when it did not live to tell; *spoke* is whether it had begun to spend.
    """

    reason: str
    rows: tuple[Mapping[str, Any], ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    pages: tuple[str, ...] = ()
    usage: Mapping[str, float] | None = None
    retry_after: float | None = None
    detail: str = ""
    spoke: bool = True


class Claim:
    """Our right to the city: `lost` when a successor has the lock, or nobody could tell in time."""

    def __init__(self, locations: Locations, held: Held, seconds: float) -> None:
        self._locations, self._held, self._seconds = locations, held, seconds
        self._sure = self._tried = self._told = time.monotonic()
        self._progress: Mapping[str, Any] | None = None
        self.lost = False

    def note(self, event: Event) -> None:
        self._progress = {"step": event["step"], "done": event["done"], "of": event["of"]}

    def keep_up(self) -> None:
        """Tell and renew what is due."""
        now = time.monotonic()
        if self._progress and now - self._told >= TELL_SECONDS:
            progress, self._progress, self._told = self._progress, None, now
            self._write(lambda: lock.tell(self._locations, self._held, progress))
        if now - self._tried >= self._seconds / 3:
            self._tried = now
            if self._write(lambda: lock.renew(self._locations, self._held, self._seconds)):
                self._sure = now
        if time.monotonic() - self._sure >= self._seconds:
            self.lost = True

    def _write(self, write: Callable[[], bool]) -> bool:
        try:
            ours = write()
        except PyMongoError as error:
            log.warning("the lock was not reached: %s", type(error).__name__)
            return False
        self.lost = self.lost or not ours
        return ours


def follow(child: Child, claim: Claim, stopping: threading.Event) -> End:
    """Until it has said its last word, or must not go on."""
    spoke = False
    for event in child.events(TICK):
        if end := end_of(event):
            return end
        if event.get("event") == "progress":
            spoke = True
            claim.note(event)
        claim.keep_up()
        if claim.lost:
            return End("superseded", spoke=spoke)
        if stopping.is_set():
            return End("stopped", spoke=spoke)
    return End("deadline" if child.late else "died", spoke=spoke)


def end_of(event: Event) -> End | None:
    """What *event* says of a run's end, if it does."""
    if event.get("event") == "result":
        return End(
            "found",
            rows=tuple(event["rows"]),
            dropped=event["dropped"],
            pages=tuple(event["pages"]),
            usage=event["usage"],
        )
    if event.get("event") == "failed":
        return End(
            event["reason"],
            usage=None if event["reason"] == LOST else event["usage"],
            retry_after=event["retry_after"],
            detail=event["detail"],
        )
    return None
