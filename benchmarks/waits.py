"""
How long visitors wait while a site is changed, beside how long they did before.

    python benchmarks/waits.py [--rounds N] [--pause SECONDS]

200 connections over TLS, from 100 addresses, to a lab server with 4 to 24 workers: each asks every
*pause* seconds, eight of them for pages that take 10 s, eight of them the site beside.  The crowd
and the changes are those of `tests/load`, which asserts that nobody is lost; this tells the times.

All share one machine.  Visitors go first there, so that their own turn is no part of what they
wait for, and the owner's commands last, since they usually run elsewhere.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from tests.load import crowd, story  # noqa: E402 -- only with the path above
from tests.load.changes import changes  # noqa: E402
from tests.load.conftest import furnish, release  # noqa: E402
from tests.load.crowd import QUICK, Answer, Size, Span, failed  # noqa: E402
from tests.load.story import Story  # noqa: E402
from tests.owner.conftest import CACHE, set_up  # noqa: E402
from tests.owner.owner import Owner  # noqa: E402

NAME = "bench-waits"
LEAST, MOST = 4, 24
HEADS = ("what", "s", "pages", "failed", "p50 ms", "p99 ms", "longest ms", "p99 x before")


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").strip())
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--pause", type=float, default=1.0)
    options = asked.parse_args()
    give_way()
    size = Size(184, 8, 8, addresses=100, pause=options.pause, slow_seconds=10, forms=16)
    with TemporaryDirectory() as home:
        shown(heard(Path(home), size, options.rounds))


def give_way() -> None:
    """Our commands are of our session, servers and visitors are not (autogroups, sched(7))."""
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text("19")


def heard(home: Path, size: Size, rounds: int) -> Story:
    owner = Owner(home, extra={"CINESTREAM_CACHE": CACHE})
    with contextmanager(set_up)(owner, NAME, "bookworm") as standing:
        furnish(standing, release(home, "one"))
        standing.owner.types(f"edit-site crowded --workers {LEAST} --yes")
        work = changes(LEAST, MOST, release(home, "two"))
        return story.told(standing, home / "book", size, work * rounds, calm=2)


def shown(told: Story) -> None:
    table = Table(*HEADS)
    before, *later = told.spans
    usual = percentile(told, [before], 0.99)
    for name in dict.fromkeys(span.name for span in told.spans):
        table.add_row(name, *cells(told, [each for each in told.spans if each.name == name], usual))
    table.add_row("all changes", *cells(told, later, usual))
    Console(width=110).print(table)


def cells(told: Story, spans: list[Span], usual: float) -> list[str]:
    found = answers(told, spans)
    seconds = sum(span.ended - span.began for span in spans)
    lost = failed(found, spans).total()
    middle, slow, slowest = (percentile(told, spans, share) for share in (0.5, 0.99, 1))
    counts = [f"{seconds:.0f}", f"{len(found)}", f"{lost}"]
    return [*counts, f"{middle:.1f}", f"{slow:.1f}", f"{slowest:.1f}", f"{slow / usual:.2f}"]


def answers(told: Story, spans: list[Span]) -> list[Answer]:
    return [answer for span in spans for answer in span.of(told.answers, QUICK)]


def percentile(told: Story, spans: list[Span], share: float) -> float:
    return crowd.percentile(answers(told, spans), share)


if __name__ == "__main__":
    main()
