"""
The processes of a lab, as this machine numbers them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cinestream_ops.lab import cgroups
from cinestream_ops.state import paths


def agents(name: str) -> list[int]:
    """The agents that are at work on the lab *name*, as this machine numbers its processes."""
    return [pid for pid in every(name) if is_agent(argv(pid))]


def at_work(name: str) -> bool:
    """Whether an agent is, or a certbot that outlived the agent that had started it."""
    return any(
        is_agent(words) or "certbot" in " ".join(words[:2]) for words in map(argv, every(name))
    )


def every(name: str) -> Iterator[int]:
    for folder, _, _ in os.walk(cgroups.lab(name).folder):
        with suppress(OSError):  # it ended meanwhile
            yield from map(int, Path(folder, "cgroup.procs").read_text().split())


def argv(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def is_agent(words: list[str]) -> bool:
    return words[-1:] == [paths.HOME] and "python" in words[0]


def parent(pid: int) -> int:
    return int(status(pid, "PPid")[0])


def init(name: str) -> int:
    """The first process of the server itself."""
    return next(pid for pid in every(name) if status(pid, "NSpid")[1:] == ["1"])


def status(pid: int, field: str) -> list[str]:
    """What proc(5) tells under *field*; nothing of a process that ended meanwhile."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return []
    return next(line.split()[1:] for line in lines if line.startswith(f"{field}:"))
