"""
The figures of a run, as docs/reliability.md shows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.torture.trial import NEW, OLD, Point, Trial

COLUMNS = ("change", "broken off by", "tried", "old", "new", "wrong", "median s", "longest s")


@dataclass
class Figures:
    """All *trials*, and rounds of *boots*: the seconds of one without and with a change pending."""

    trials: list[Trial] = field(default_factory=list)
    boots: list[tuple[float, float]] = field(default_factory=list)

    def add(self, others: Figures) -> None:
        self.trials += others.trials
        self.boots += others.boots

    def show(self) -> None:
        console = Console()
        if self.trials:
            console.print(self.table())
            asked = sum(trial.requests for trial in self.trials)
            failed = sum(len(trial.failures) for trial in self.trials)
            console.print(f"the other site was asked {asked} times; {failed} answers were not 200")
        for plain, pending in self.boots:
            console.print(
                f"from boot to ready: {plain:.2f} s; with a change to undo: {pending:.2f} s,"
                f" {pending / plain:.2f} times that"
            )

    def table(self) -> Table:
        table = Table(*COLUMNS, title="broken off at each step")
        for trial in self.trials:
            table.add_row(trial.change.name, trial.kind, *cells(trial.points))
        table.add_section()
        points = [point for trial in self.trials for point in trial.points]
        for kind, some in by_kind(points):
            table.add_row("all", kind, *cells(some))
        table.add_row("all", "all", *cells(points))
        return table


def by_kind(points: list[Point]) -> Iterator[tuple[str, list[Point]]]:
    for kind, some in groupby(sorted(points, key=lambda each: each.kind), lambda each: each.kind):
        yield kind, list(some)


def cells(points: list[Point]) -> Iterator[str]:
    left = [point.left for point in points]
    seconds = [point.seconds for point in points] or [0.0]
    wrong = sum(bool(point.wrong) for point in points)
    yield from map(str, (len(points), left.count(OLD), left.count(NEW), wrong))
    yield from (f"{median(seconds):.1f}", f"{max(seconds):.1f}")
