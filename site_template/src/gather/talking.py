"""
A run as a talk: it asks for rounds of requests, is handed the answers, and returns what it found.

It does not know how the requests travel: one after the other, or with those of others in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from anthropic.types import Message

from gather.asking import Line
from gather.failures import Failed

T = TypeVar("T")
Request: TypeAlias = dict[str, Any]
Answer: TypeAlias = Message | Failed


@dataclass(frozen=True)
class Round:
    """Requests that do not wait for each other; *told* hears how many were answered."""

    requests: Sequence[Request]
    told: Callable[[int], None] = lambda _: None


# In the order of the requests; fewer, when the last failure concerns all that would follow.
Talk: TypeAlias = Generator[Round, Sequence[Answer], T]


def one(request: Request) -> Talk[Message]:
    """The answer to a single request; raises `Failed`."""
    (answer,) = yield Round([request])
    if isinstance(answer, Failed):
        raise answer
    return answer


def held(talk: Talk[T], line: Line) -> T:
    """What comes of *talk* when each request is asked as soon as its turn comes."""
    asked = next(talk)
    while True:
        try:
            asked = talk.send(_answers(asked, line))
        except StopIteration as end:
            found: T = end.value
            return found


def _answers(asked: Round, line: Line) -> list[Answer]:
    found: list[Answer] = []
    for done, request in enumerate(asked.requests):
        asked.told(done)
        try:
            found.append(line.ask(request))
        except Failed as failed:
            found.append(failed)
            if failed.concerns_all:
                break
    return found
