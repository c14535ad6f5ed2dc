"""
How long visitors wait while a site is changed, beside how long they did before.

    python benchmarks/waits.py [--pause SECONDS]

200 connections over TLS, from 100 addresses, to one lab server with 24 workers: each asks every
*pause* seconds, eight of them for pages that take 10 s, eight of them the site beside.  The crowd
and the changes are those of `tests/load`, which asserts that nobody is lost; this tells the times.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from tests.load import crowd, story  # noqa: E402 -- only with the path above
from tests.load.changes import changes  # noqa: E402
from tests.load.conftest import furnish, release  # noqa: E402
from tests.load.crowd import QUICK, Size, failed  # noqa: E402
from tests.load.story import Story  # noqa: E402
from tests.owner.conftest import CACHE, set_up  # noqa: E402
from tests.owner.owner import Owner  # noqa: E402

NAME = "bench-waits"
LEAST, MOST = 4, 24


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").strip())
    asked.add_argument("--pause", type=float, default=1.0)
    options = asked.parse_args()
    size = Size(184, 8, 8, addresses=100, pause=options.pause, slow_seconds=10, forms=16)
    with TemporaryDirectory() as home:
        shown(heard(Path(home), size))


def heard(home: Path, size: Size) -> Story:
    owner = Owner(home, extra={"CINESTREAM_CACHE": CACHE})
    with contextmanager(set_up)(owner, NAME, "bookworm") as standing:
        furnish(standing, release(home, "one"))
        standing.owner.types(f"edit-site crowded --workers {LEAST} --yes")
        work = changes(LEAST, MOST, release(home, "two"))
        return story.told(standing, home / "book", size, work, calm=2)


def shown(told: Story) -> None:
    table = Table("what", "s", "pages", "failed", "p50 ms", "p99 ms", "longest ms", "p99 x before")
    before = crowd.percentile(told.spans[0].of(told.answers, QUICK), 0.99)
    for span in told.spans:
        found = span.of(told.answers, QUICK)
        times = [crowd.percentile(found, share) for share in (0.5, 0.99, 1)]
        lost = failed(found, told.spans).total()
        cells = [f"{span.ended - span.began:.0f}", str(len(found)), str(lost)]
        cells += [f"{time:.1f}" for time in times]
        table.add_row(span.name, *cells, f"{times[1] / before:.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
