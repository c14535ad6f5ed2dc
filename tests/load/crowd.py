"""
The crowd before a server, from outside: it is sent in, watched, called back, and its book is read.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cinestream_ops.lab import Lab

PROGRAM = Path(__file__).parent / "visitors.py"
QUICK, SLOW, FORM, NEXT_DOOR = "quick", "slow", "form", "next door"
FORM_BYTES = 20_000
PATIENCE = 120  # seconds for the last answers


@dataclass(frozen=True)
class Size:
    """How many come, from how many addresses, and how often each asks (seconds between)."""

    quick: int
    slow: int
    next_door: int
    addresses: int
    pause: float
    slow_seconds: int
    forms: int = 0


@dataclass(frozen=True)
class Answer:
    """
    One request and what came of it; times are seconds of the monotonic clock.

    *crossed* with the goodbye of a kept connection, it was asked again on a new one.
    """

    kind: str
    visitor: str
    source: str
    asked: float
    seconds: float
    status: int
    process: str
    port: str
    release: str
    crossed: bool
    failure: str


@dataclass(frozen=True)
class Visitor:
    """What `visitors.py` is told of each."""

    name: str
    kind: str
    source: str
    host: str
    path: str
    pause: float
    keeps: bool
    sends: int = 0


@dataclass(frozen=True)
class Span:
    """What was going on from *began* to *ended*."""

    name: str
    began: float
    ended: float

    def of(self, answers: Iterable[Answer], kind: str) -> list[Answer]:
        """Those of *kind* that were asked meanwhile."""
        return [
            each for each in answers if each.kind == kind and self.began <= each.asked < self.ended
        ]

    def saw(self, answer: Answer) -> bool:
        """Whether *answer* came, or failed to come, meanwhile."""
        return self.began <= answer.asked + answer.seconds < self.ended


def visitors(size: Size, streets: Sequence[str], site: str, neighbour: str) -> Iterator[Visitor]:
    """One in five comes anew for each page; those of the neighbour share one address."""
    for number in range(size.quick):
        source, keeps = streets[number % len(streets)], bool(number % 5)
        yield Visitor(f"q{number}", QUICK, source, site, "/", size.pause, keeps)
    for number in range(size.slow):
        path = f"/slow?seconds={size.slow_seconds}"
        yield Visitor(f"s{number}", SLOW, streets[number], site, path, 0.1, keeps=True)
    for number in range(size.forms):
        source = streets[-1 - number % len(streets)]
        yield Visitor(f"f{number}", FORM, source, site, "/", size.pause, False, FORM_BYTES)
    for number in range(size.next_door):
        yield Visitor(f"n{number}", NEXT_DOOR, streets[0], neighbour, "/", size.pause / 2, True)


@contextmanager
def gathered(lab: Lab, book: Path, crowd: Iterable[Visitor]) -> Iterator[None]:
    """*crowd* asks for as long as the block lasts, and writes into *book*."""
    settings = {
        "address": lab.address,
        "authority": lab.acme_root,
        "book": str(book),
        "visitors": [asdict(each) for each in crowd],
    }
    paper = book.with_suffix(".json")
    paper.write_text(json.dumps(settings))
    process = subprocess.Popen([sys.executable, "-I", PROGRAM, paper], stdin=subprocess.PIPE)
    try:
        yield
        assert process.poll() is None, "the crowd went home early"
    finally:
        process.communicate(timeout=PATIENCE)
    assert 0 == process.returncode


def answers(book: Path) -> list[Answer]:
    return [Answer(*json.loads(line)) for line in book.read_text().splitlines()]


def failed(found: Iterable[Answer], spans: Iterable[Span]) -> Counter[tuple[str, str, str]]:
    """How often each failure came about: its cause, whom it met, and what went on when it came."""
    spans = list(spans)
    return Counter(
        (each.failure, each.kind, ", ".join(span.name for span in spans if span.saw(each)))
        for each in found
        if each.failure
    )


def ports(found: Iterable[Answer]) -> dict[str, set[str]]:
    """The workers that each visitor met."""
    met: dict[str, set[str]] = {}
    for each in found:
        met.setdefault(each.visitor, set()).add(each.port)
    return met


def percentile(found: Sequence[Answer], share: float) -> float:
    """Milliseconds within which *share* of them were answered."""
    times = sorted(each.seconds for each in found)
    return 1000 * times[min(int(share * len(times)), len(times) - 1)] if times else 0.0


def written(book: Path) -> int:
    """How many answers are in *book*; the last ones may still be on their way into it."""
    with book.open("rb") as lines:
        return sum(1 for _ in lines)
