"""
The limits of a site's slice, in force on every machine.

Where the controllers for memory and processes are bound to cgroup v1, the lab's systemd writes its
limits down and nobody keeps them.  There the machine's own groups do, with the very same numbers.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cinestream_ops.lab import cgroups
from tests.owner.owner import Host

MOUNT = Path("/sys/fs/cgroup")
TURN = 0.02  # seconds
FILES = {"memory": ("memory.limit_in_bytes", "MemoryMax"), "pids": ("pids.max", "TasksMax")}


@contextmanager
def in_force(host: Host, site: str) -> Iterator[dict[str, int]]:
    """MemoryMax (bytes) and TasksMax of *site*, kept by the kernel for the block."""
    told = host.runs(
        "systemctl", "show", "-p", "MemoryMax,TasksMax", f"cinestream-{site}.slice"
    ).split()
    limits = {name: int(value) for name, _, value in (each.partition("=") for each in told)}
    kept = cgroups.hierarchies()[0] / "cgroup.controllers"
    if "memory" in kept.read_text().split():
        yield limits
        return
    with by_the_machine(host.lab.name, site, limits):
        yield limits


@contextmanager
def by_the_machine(name: str, site: str, limits: dict[str, int]) -> Iterator[None]:
    groups = [made(controller, f"{name}-{site}", limits) for controller in FILES]
    enough = threading.Event()
    mover = threading.Thread(target=keep_moving, args=(slice_of(name, site), groups, enough))
    mover.start()
    try:
        yield
    finally:
        enough.set()
        mover.join()
        for group in groups:
            empty(group)


def made(controller: str, name: str, limits: dict[str, int]) -> Path:
    group = ours(controller) / name
    group.mkdir()
    file, limit = FILES[controller]
    (group / file).write_text(str(limits[limit]))
    return group


def ours(controller: str) -> Path:
    """The group that this very process is in."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            return MOUNT / controller / path.lstrip("/")
    raise LookupError(controller)


def slice_of(name: str, site: str) -> Path:
    return next(cgroups.lab(name).folder.rglob(f"cinestream-{site}.slice"))


def keep_moving(slice_: Path, groups: list[Path], enough: threading.Event) -> None:
    """Whoever is in *slice_* is in each of *groups*, also those who come later."""
    while not enough.wait(TURN):
        for pid in pids(slice_):
            for group in groups:
                with suppress(OSError):  # it is gone
                    (group / "cgroup.procs").write_text(pid)


def pids(slice_: Path) -> Iterator[str]:
    with suppress(OSError):  # of a group that goes while we walk
        for procs in slice_.rglob("cgroup.procs"):
            with suppress(OSError):
                yield from procs.read_text().split()


def empty(group: Path) -> None:
    """Its processes go back to where we are; then it goes."""
    for pid in (group / "cgroup.procs").read_text().split():
        with suppress(OSError):
            (group.parent / "cgroup.procs").write_text(pid)
    group.rmdir()
