"""
Rounds of requests by the Message Batches API, which takes its time and half of the price.

A batch that was begun is always seen to its end or cancelled: what runs on unseen costs money.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import anthropic
from anthropic.types.messages import MessageBatch

from gather import asking, failures
from gather.failures import Failed
from gather.talking import Answer, Request

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds between two looks
SLICE = 0.25
GRACE, STOP_GRACE = 60.0, 15.0  # seconds that a cancelled batch may take to end
HOPELESS = frozenset({"credentials", "invalid", "other"})  # to look again would tell the same
SECONDS = 60.0  # between two bytes
TRIES = 3  # to read the results

Told = Callable[[int, int], None]
LOST = Failed("lost", "the batch was lost sight of; what it costs is not known")


class Watch:
    """How long there is: until the deadline, or until somebody says `stop`."""

    def __init__(self, seconds: float) -> None:
        self._began = time.monotonic()
        self._end = self._began + seconds
        self.stopped = False

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def stop(self, *_: object) -> None:
        """Fit to be the handler of a signal: only leaves word."""
        self.stopped = True

    @property
    def over(self) -> Failed | None:
        """Why there is no time left."""
        if self.stopped:
            return Failed("stopped", "it was told to stop")
        if time.monotonic() >= self._end:
            return Failed("expired", "the time for the batch is over")
        return None

    def wait(self, seconds: float) -> None:
        """In slices: a sleep goes on after a signal."""
        end = min(time.monotonic() + seconds, self._end)
        while not self.stopped and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, SLICE))


class Batches:
    """The way to Claude for many requests at once."""

    def __init__(self, claude: anthropic.Anthropic, watch: Watch, told: Told) -> None:
        self._batches = claude.with_options(timeout=SECONDS).messages.batches
        self._watch, self._told = watch, told

    def answers(self, requests: Mapping[str, Request]) -> dict[str, Answer]:
        """An answer, or what became of it, for each of *requests* by its id."""
        over = self._watch.over
        if over:
            return dict.fromkeys(requests, over)
        try:
            batch = self._begun(requests)
        except Failed as failed:
            return dict.fromkeys(requests, failed)
        try:
            ended = self._watched(batch.id, len(requests))
            found = self._results(batch.id) if ended else {}
        except BaseException:
            self._cancel(batch.id)
            raise
        return {name: found.get(name, LOST) for name in requests}

    def _begun(self, requests: Mapping[str, Request]) -> MessageBatch:
        entries: list[Any] = [
            {"custom_id": name, "params": params} for name, params in requests.items()
        ]
        batch = asking.patiently(lambda: self._batches.create(requests=entries))
        if not getattr(batch, "id", None):
            raise Failed("cut-off", "the API did not say which batch it began")
        return batch

    def _watched(self, batch: str, size: int) -> bool:
        """Whether it has ended; it is cancelled when there is no more time."""
        wait = FIRST_WAIT
        while not self._watch.over:
            self._told(0, size)
            self._watch.wait(wait)
            wait = min(wait * 1.5, LONGEST_WAIT)
            ended = self._has_ended(batch)
            if ended is not None:
                return ended or self._called_off(batch)
        return self._has_ended(batch) or self._called_off(batch)

    def _called_off(self, batch: str) -> bool:
        """Cancelled, and given the time to end: what was done until then is there, and paid for."""
        self._cancel(batch)
        end = time.monotonic() + (STOP_GRACE if self._watch.stopped else GRACE)
        while time.monotonic() < end:
            ended = self._has_ended(batch)
            if ended is not None:
                return ended
            time.sleep(FIRST_WAIT)
        return False

    def _has_ended(self, batch: str) -> bool | None:
        """None if it goes on, or cannot be seen just now; False if it will never be seen."""
        try:
            found = asking.patiently(lambda: self._batches.retrieve(batch))
        except Failed as failed:
            return False if failed.reason in HOPELESS else None
        return True if getattr(found, "processing_status", None) == "ended" else None

    def _results(self, batch: str) -> dict[str, Answer]:
        """Read again when it broke off: to read costs nothing."""
        found: dict[str, Answer] = {}
        for _ in range(TRIES):
            try:
                for entry in self._batches.results(batch):
                    found[entry.custom_id] = self._answer(entry.result)
            except (anthropic.AnthropicError, *failures.CUT_OFF, AttributeError):
                time.sleep(FIRST_WAIT)
            else:
                break
        return found

    def _answer(self, result: Any) -> Answer:
        if result.type == "succeeded":
            answer: Answer = result.message
            return answer
        if result.type == "errored":
            return failures.of_entry(result.error.error.type, result.error.error.message)
        expired = Failed("expired", "the batch did not come to it in time")
        return expired if result.type == "expired" else self._watch.over or expired

    def _cancel(self, batch: str) -> None:
        try:
            asking.patiently(lambda: self._batches.cancel(batch))
        except Failed:
            return  # it may have ended by itself; who asks for its results will see
