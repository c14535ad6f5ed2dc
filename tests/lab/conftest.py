"""
Booted servers for tests: one that is shared, one of one's own, one of each suite.

A shared server is for claims that leave it as it was, or that add to it what harms nobody.
"""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from cinestream_ops import lab
from cinestream_ops.lab import Lab, cgroups, homes, network
from cinestream_ops.lab.cgroups import Group
from cinestream_ops.lab.faults import NoSuchLab
from cinestream_ops.lab.recipes import SUITES

HERE = Path(__file__).parent
SECONDS = 300


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("lab")


@dataclass(frozen=True)
class Server:
    """A lab, and what a test does with one."""

    lab: Lab

    def ssh(self, *command: str, user: str = "root") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            lab.ssh_argv(self.lab, command, user),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def run(self, line: str, user: str = "root") -> str:
        """What *line* says in the server's shell; the test fails if it does."""
        done = self.ssh(line, user=user)
        assert done.returncode == 0, f"`{line}` said:\n{done.stdout}{done.stderr}"
        return done.stdout.rstrip("\n")

    @property
    def group(self) -> Group:
        return cgroups.lab(self.lab.name)

    @property
    def host(self) -> str:
        """The address of the host's end of its network."""
        return self.lab.address.rpartition(".")[0] + ".1"

    def pids(self, part: str, program: str = "") -> list[int]:
        """The processes in the group *part*, or those of them that run *program*."""
        listed = (self.group / part).folder.rglob("cgroup.procs")
        pids = [int(pid) for path in listed for pid in path.read_text().split()]
        return [pid for pid in pids if program in name_of(pid)]

    def traces(self) -> list[str]:
        """Everything of it that is on this machine."""
        return [
            *(str(path) for path in self.group.folders if path.exists()),
            *(name for name in network.names() if name == self.lab.name),
            *(str(number) for number in network.in_use() if f".{number}." in self.lab.address),
            *(str(path) for path in homes.folder().glob(f"{self.lab.name}*")),
            *(str(path) for path in Path("/proc").glob("[0-9]*") if self.is_in(path)),
        ]

    def is_in(self, process: Path) -> bool:
        """Whether a process runs with, or in a mount of, anything of this lab."""
        folder = str(homes.folder() / self.lab.name)
        try:
            told = (process / "cmdline").read_text() + (process / "mountinfo").read_text()
        except (OSError, UnicodeDecodeError):
            return False
        return f"{folder}/" in told or network.Network(self.lab.name, 0).namespace in told.split()


def name_of(pid: int) -> str:
    """What *pid* runs; nothing, once it has ended: a booted server's processes come and go."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@pytest.fixture(scope="module")
def lab_server() -> Iterator[Callable[..., Server]]:
    """Boots a new server of a suite at each call; all of them end with the module."""
    names: list[str] = []
    numbers = itertools.count(1)

    def booted(suite: str = SUITES[0]) -> Server:
        name = f"t{os.getpid()}-{next(numbers)}"
        names.append(name)
        return Server(lab.up(name, suite))

    yield booted
    for name in names:
        gone(name)


def gone(name: str) -> None:
    try:
        lab.down(name)
    except NoSuchLab:
        """The test has taken it down."""


@pytest.fixture(scope="module")
def server(lab_server) -> Server:
    """A server that is booted once and shared."""
    return lab_server()


@pytest.fixture(scope="module", params=SUITES)
def each_server(request, lab_server, server) -> Server:
    """A shared server of each suite."""
    return server if request.param == server.lab.suite else lab_server(request.param)


@pytest.fixture
def fresh_server(lab_server) -> Iterator[Server]:
    """A server for one test alone."""
    fresh = lab_server()
    yield fresh
    gone(fresh.lab.name)
