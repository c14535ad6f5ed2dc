"""
Root file systems, made once per recipe and kept in the cache.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cinestream_ops.lab import cache, locks, mirrors
from cinestream_ops.lab.commands import Report
from cinestream_ops.lab.faults import CommandFailed
from cinestream_ops.lab.recipes import Recipe

BUILD_SECONDS = 1200

# How mmdebstrap announces what it does next, and how often on its way.
STAGE = re.compile(r"I: (?!running --customize-hook|skipping)")
STAGES = 9
DAY = 86_400  # seconds

# If we are killed, even by -9, the builder dies with us, and its mounts and children with it.
MORTAL = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount", "--propagation", "slave"),
    *("--pid", "--mount-proc", "--fork", "--kill-child"),
)


def ready(recipe: Recipe, report: Report) -> Path:
    """The root file system of *recipe*, made now if need be.  Raises `CommandFailed`."""
    home = cache.folder("roots")
    root = home / recipe.name
    if not root.exists():
        report(f"making a bare {recipe.suite}", 0, STAGES)
        with locks.held(home / "build.lock", "the end of another build", BUILD_SECONDS):
            if not root.exists():
                build(recipe, root, report)
    os.utime(root)
    return root


def build(recipe: Recipe, root: Path, report: Report) -> None:
    """Made beside and renamed: a killed build leaves a draft, and the next build removes it."""
    draft = root.with_name("draft")
    shutil.rmtree(draft, ignore_errors=True)
    sources = tuple(archive.line(recipe.suite) for archive in mirrors.archives())
    try:
        follow(recipe.argv(str(draft), sources, mirrors.apt_options()), report)
        draft.rename(root)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def follow(argv: Sequence[str], report: Report) -> None:
    """Run a build, and pass on what it says it does."""
    said: list[str] = []
    with subprocess.Popen(
        [*MORTAL, *argv],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        stdout=subprocess.DEVNULL,
        umask=0o022,
    ) as builder:
        clock = threading.Timer(BUILD_SECONDS, builder.kill)
        clock.start()
        try:
            for line in builder.stderr or ():
                said.append(line)
                announce(said, report)
        except BaseException:
            builder.kill()
            raise
        finally:
            clock.cancel()
    if builder.returncode:
        raise CommandFailed(argv, "".join(said))


def announce(said: Sequence[str], report: Report) -> None:
    """Report the last of the lines *said*, if it begins a stage."""
    if STAGE.match(said[-1]):
        stages = [line for line in said if STAGE.match(line)]
        report(stages[-1].removeprefix("I: ").rstrip(". \n"), len(stages), STAGES)


def prune(keep: Iterable[Path], known: Iterable[Recipe]) -> None:
    """
    Remove the roots of old recipes, unless a lab stands on them.

    One that was used within a day stays: two checkouts with two recipes would else rebuild
    each other's roots for ever.
    """
    kept = {*keep, *(cache.folder("roots") / recipe.name for recipe in known)}
    for root in stale(cache.folder("roots")):
        if root not in kept:
            shutil.rmtree(root, ignore_errors=True)


def stale(home: Path) -> Iterator[Path]:
    for root in home.iterdir():
        if root.is_dir() and root.name != "draft" and root.stat().st_mtime < time.time() - DAY:
            yield root
