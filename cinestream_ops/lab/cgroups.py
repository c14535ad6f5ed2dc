"""
Control groups: each part of a lab lives in one of its own, and nothing else does.

So a lab ends by killing its groups, whoever started its processes and whatever they became.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from errno import EBUSY, ENOTEMPTY
from pathlib import Path

from cinestream_ops.lab.faults import NoControlGroups, TookTooLong

MOUNT = Path("/sys/fs/cgroup")
ALL_LABS = "cinestream-lab"
KILL_SECONDS = 20
JOIN = 'echo 0 > "$0" && exec "$@"'


@dataclass(frozen=True)
class Group:
    """The group at *path*, the same in each hierarchy that counts."""

    path: str

    def __truediv__(self, part: str) -> Group:
        return Group(f"{self.path}/{part}")

    @property
    def folder(self) -> Path:
        """Where it is in the cgroup2 hierarchy, the one that can be killed."""
        return hierarchies()[0] / self.path

    @property
    def folders(self) -> tuple[Path, ...]:
        return tuple(root / self.path for root in hierarchies())


def lab(name: str) -> Group:
    return Group(ALL_LABS) / name


def hierarchies() -> tuple[Path, ...]:
    """
    The cgroup2 mount and, on a hybrid machine, systemd's own.

    systemd-nspawn looks a process up in the second, and expects it at the same path in the first.
    """
    if (MOUNT / "cgroup.controllers").exists():
        return (MOUNT,)
    if not (MOUNT / "unified" / "cgroup.controllers").exists():
        raise NoControlGroups
    return tuple(path for path in (MOUNT / "unified", MOUNT / "systemd") if path.exists())


def make(group: Group) -> None:
    """Make *group* and all above it, each with every controller that there is."""
    for root in hierarchies():
        # Another lab, as it ends, may remove the group of all labs under our feet.
        while not made(root, group.path):
            pass


def made(root: Path, path: str) -> bool:
    try:
        for part in path.split("/"):
            hand_down_controllers(root)
            root /= part
            root.mkdir(exist_ok=True)
    except FileNotFoundError:
        return False
    return True


def hand_down_controllers(folder: Path) -> None:
    offered = folder / "cgroup.controllers"
    for controller in offered.read_text().split() if offered.exists() else ():
        # One that is bound to cgroup v1 or kept by the host's systemd is done without.
        with suppress(OSError):
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def inside(group: Group, argv: Sequence[str]) -> tuple[str, ...]:
    """*argv* as a command that joins *group* before it does anything else."""
    for folder in group.folders:
        argv = ("sh", "-c", JOIN, f"{folder}/cgroup.procs", *argv)
    return tuple(argv)


def start(group: Group, argv: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
    """
    Start *argv* in *group*, as nobody's child: it outlives us, and we leave no zombie of it.

    It is in the group before this returns, so that no kill of the group can miss it.
    """
    make(group)
    with log.open("ab") as out:
        subprocess.run(
            inside(group, ("setsid", "--fork", *argv)),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=env,
            cwd="/",
            check=True,
        )


def alive(group: Group) -> bool:
    """Whether any process is in *group* or below."""
    try:
        return "populated 1" in (group.folder / "cgroup.events").read_text()
    except FileNotFoundError:
        return False


def end(group: Group) -> None:
    """Kill all in *group* at once, and remove it.  Raises `TookTooLong`."""
    deadline = time.monotonic() + KILL_SECONDS
    while not ended(group):
        if time.monotonic() > deadline:
            raise TookTooLong(f"the end of the processes in `{group.path}`", KILL_SECONDS)
        time.sleep(0.01)
    for top in group.folders:
        with suppress(OSError):  # Other labs are still in it.
            top.parent.rmdir()


def ended(group: Group) -> bool:
    """
    Kill what is in *group*, and remove it if nothing is left in any hierarchy.

    One that was killed leaves the hierarchies one after the other, and one that is just joining
    is in systemd's before it can be killed by ours: then another try is due.
    """
    with suppress(FileNotFoundError):
        (group.folder / "cgroup.kill").write_text("1")
    if alive(group):
        return False
    try:
        for folder in (below for top in group.folders for below in deepest_first(top)):
            folder.rmdir()
    except OSError as busy:
        if busy.errno not in {EBUSY, ENOTEMPTY}:
            raise
        return False
    return True


def deepest_first(top: Path) -> Iterator[Path]:
    if top.exists():
        for child in top.iterdir():
            if child.is_dir():
                yield from deepest_first(child)
        yield top


def names() -> set[str]:
    """The labs that have groups, known by their homes or not."""
    tops = (root / ALL_LABS for root in hierarchies())
    return {path.name for top in tops if top.exists() for path in top.iterdir() if path.is_dir()}
