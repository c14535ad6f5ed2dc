"""
The story of a load: changes made one after the other, and what visitors were answered meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.load import changes, crowd, streets
from tests.load.changes import Change
from tests.load.crowd import FORM, NEXT_DOOR, QUICK, SLOW, Answer, Size, Span
from tests.owner.conftest import Standing

SITE, NEIGHBOUR = "crowded.example.test", "beside.example.test"


@dataclass(frozen=True)
class Story:
    answers: list[Answer]
    spans: list[Span]

    @property
    def whole(self) -> Span:
        asked = [each.asked for each in self.answers]
        return Span("all", min(asked), max(asked) + 1)

    def between(self, first: str, second: str) -> Span:
        """From the end of the *first* change to the beginning of the *second*; of the first round."""
        found = {span.name: span for span in reversed(self.spans)}
        return Span(f"{first} to {second}", found[first].ended, found[second].began)


def told(
    standing: Standing,
    book: Path,
    size: Size,
    work: Sequence[Change],
    calm: float,
    requests: int = 0,
) -> Story:
    """
    All of *work*, again until there were so many *requests*; *calm* seconds before and between.
    """
    host = standing.host
    with streets.opened(host.lab, size.addresses) as addresses:
        people = list(crowd.visitors(size, addresses, SITE, NEIGHBOUR))
        with crowd.gathered(host.lab, book, people):
            time.sleep(2)
            spans = done(standing, work, calm, lambda: crowd.written(book) >= requests)
    return Story(crowd.answers(book), spans)


def done(
    standing: Standing,
    work: Sequence[Change],
    calm: float,
    enough: Callable[[], bool] = lambda: True,
) -> list[Span]:
    """What went on while all of *work* was done, over and over until it is *enough*."""
    spans = [during(standing, changes.calm(4 * calm))]
    while True:
        for change in work:
            spans.append(during(standing, change))
            time.sleep(calm)
        if enough():
            return spans


def during(standing: Standing, change: Change) -> Span:
    began = time.monotonic()
    if change.line:
        standing.owner.types(change.line)
    else:
        standing.host.sh(change.script)
    return Span(change.name, began, time.monotonic())


def table(story: Story) -> str:
    """Figures for each change, in milliseconds for those who ask for quick pages."""
    heads = ("seconds", "requests", "failed", "crossed", "p50 ms", "p99 ms", "max ms")
    rows = [f"{'':28}" + "".join(f"{head:>10}" for head in heads)]
    rows += [row(span, span.of(story.answers, QUICK)) for span in [*story.spans, story.whole]]
    for kind in (SLOW, FORM, NEXT_DOOR):
        rows.append(
            row(
                Span(kind, story.whole.began, story.whole.ended),
                story.whole.of(story.answers, kind),
            )
        )
    return "\n".join(rows)


def row(span: Span, found: Sequence[Answer]) -> str:
    failed = sum(bool(each.failure) for each in found)
    crossed = sum(each.crossed for each in found)
    times = "".join(f"{crowd.percentile(found, share):10.1f}" for share in (0.5, 0.99, 1))
    counts = f"{len(found):10}{failed:10}{crossed:10}"
    return f"{span.name:28}{span.ended - span.began:10.1f}{counts}{times}"


def wanderers(found: Iterable[Answer], but: Iterable[str] = ()) -> dict[str, set[str]]:
    """The visitors who met more than one worker, not counting those on the ports *but*."""
    met = {visitor: ports - set(but) for visitor, ports in crowd.ports(found).items()}
    return {visitor: ports for visitor, ports in met.items() if len(ports) > 1}
