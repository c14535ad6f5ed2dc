"""
What a deploy of the tenant takes, beside the bare start of as many workers.

    python benchmarks/deploys.py [--rounds N]

Both on one lab server, in turn.  The *bare start* is `systemctl start` of all 24 services, which
ends when the last is ready; nobody is answered before it.  The *deploy* is the whole command over
SSH: a new release with the requirements of the one before, tried by a worker of its own, and all
workers restarted, a quarter at a time, while the others answer.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table
from run import NAME, WORKERS, Bench

from cinestream_ops import lab
from cinestream_ops.lab.faults import NoSuchLab

SOURCE = Path(__file__).resolve().parents[1] / "site_template" / "src"
BARE, DEPLOY = "bare start of all workers", "deploy, requirements unchanged"


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").strip())
    asked.add_argument("--rounds", type=int, default=5)
    options = asked.parse_args()
    with booted() as bench:
        for number in range(options.rounds):
            bench.note(BARE, "systemctl", bare_start(bench))
            bench.note(DEPLOY, "cinestream", deploy(bench, number))
        shown(bench)


@contextmanager
def booted() -> Iterator[Bench]:
    """A server with the tenant on it, deployed from a copy of its source."""
    with TemporaryDirectory() as home:
        with suppress(NoSuchLab):
            lab.down(NAME)
        bench = Bench(Path(home), lab.up(NAME), peers=False)
        try:
            bench.cinestream("lab", "up", NAME)
            bench.cinestream("setup", "--yes")
            shutil.copytree(SOURCE, source(bench), ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(SOURCE.parent / "requirements.txt", source(bench))
            told = ("--source", str(source(bench)), "--wsgi", "showtimes.site:app")
            bench.cinestream("add-site", NAME, *told, "--workers", str(WORKERS), "--yes")
            yield bench
        finally:
            lab.down(NAME)


def source(bench: Bench) -> Path:
    return bench.home / "source"


def bare_start(bench: Bench) -> float:
    units = " ".join(f"{NAME}@{port}.service" for port in range(8001, 8001 + WORKERS))
    bench.sh(f"systemctl stop {units}")
    return bench.sh(f"systemctl start {units}")


def deploy(bench: Bench, number: int) -> float:
    (source(bench) / "release.txt").write_text(f"{number}\n")
    return bench.cinestream("deploy", NAME, "--yes")


def shown(bench: Bench) -> None:
    table = Table("what", "median s", "x bare", title=f"the tenant, {WORKERS} workers")
    bare = bench.times[BARE, "systemctl"]
    for (what, _), times in bench.times.items():
        ratio = statistics.median(a / b for a, b in zip(times, bare, strict=True))
        table.add_row(what, f"{statistics.median(times):.2f}", f"{ratio:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
