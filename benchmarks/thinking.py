"""
What needs no server: how planning grows with sites, what crosses the wire, how the command starts.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Collection

from rich.console import Console
from rich.table import Table

from cinestream_ops import desired
from cinestream_ops.channel import bundle
from cinestream_ops.cli import early
from cinestream_ops.engine.shipped import shipped
from cinestream_ops.plan import plan
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.spec.server import Server
from cinestream_ops.state.facts import Facts, Machine

ROUNDS = 5
SIZES = (1, 10, 50, 200, 500)
BLOCK = 40  # ports of a site: 500 blocks of the usual 100 would not fit


def house(sites: int) -> House:
    made = House(server=Server())
    for number in range(sites):
        digests = {"release": "a" * 64, "requirements": "b" * 64}
        block = {"port": 8001 + BLOCK * number, "reserve": BLOCK}
        site = toml.site(f"site{number}", {**block, **digests})
        made = made.with_site(site)
    return made


def planning(sites: int) -> float:
    """Seconds of CPU for `desired` and `plan` of a server with so many sites, median."""
    wanted, facts = house(sites), Facts(machine=Machine(nginx="1.22.1"), specs={}, items={})
    return statistics.median(timed(wanted, facts) for _ in range(ROUNDS))


def timed(wanted: House, facts: Facts, only: Collection[str] | None = None) -> float:
    began = time.process_time()
    plan(desired.everything(wanted, facts.machine, {}, shipped()), facts, only=only)
    return time.process_time() - began


def planning_one(sites: int) -> float:
    """The same for a command that changes one site among so many."""
    wanted, facts = house(sites), Facts(machine=Machine(nginx="1.22.1"), specs={}, items={})
    return statistics.median(timed(wanted, facts, {"site0"}) for _ in range(ROUNDS))


def starting() -> float:
    """Seconds of CPU that `cinestream --help` takes, median of whole processes."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    argv = [sys.executable, "-m", "cinestream_ops", "--help"]
    spent = []
    for _ in range(ROUNDS + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(argv, env=kept, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(spent[1:])


def main() -> None:
    table = Table("what", "measured", "goal")
    times = {sites: planning(sites) for sites in SIZES}
    for sites, took in times.items():
        each = (took - times[1]) / (sites - 1) * 1000 if sites > 1 else took * 1000
        goal = "10 ms a site" if sites > 1 else ""
        table.add_row(f"plan, {sites} sites", f"{took * 1000:.0f} ms, {each:.1f} a site", goal)
    most = SIZES[-1]
    table.add_row(f"plan, one of {most} sites", f"{planning_one(most) * 1000:.0f} ms", "1000 ms")
    for command in ("apply", *early.AHEAD):
        size = len(bundle.first(bundle.foreseen(early.AHEAD.get(command, {}))))
        table.add_row(f"agent on the wire, {command}", f"{size} bytes", "32768")
    table.add_row("cinestream --help", f"{starting():.2f} s of CPU", "0.20")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
