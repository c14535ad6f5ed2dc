"""
What git ignores in a folder, as git itself tells.

A source may come from somebody else, with a `.git` of theirs: nothing that its configuration names
is run, and git is only ever asked what to leave out.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from cinestream_ops.engine.source_error import SourceError

TIMEOUT = 120  # seconds
# Of git(1) and git-config(1): a file system monitor is a program, and so are hooks.
CAREFUL = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*")
ASK = ("check-ignore", "--stdin", "-z")


def ignored(root: Path, paths: Collection[Path]) -> set[Path]:
    """
    Those of *paths*, which are below *root*, that git would not commit.

    What is committed already is not ignored.  A folder that is no work tree of git has its
    `.gitignore` files read all the same.  Raises `SourceError` when git is needed and is not there.
    """
    found: set[Path] = set()
    for top, inside in by_repository(root, paths).items():
        found.update(asked(top, inside))
    # A repository within another is ignored as a whole, or looks after itself.
    nested = {path for path in found if path.is_dir()}
    below = {path for path in paths if nested.intersection(path.parents)}
    return (found | below) & {*paths}


def by_repository(root: Path, paths: Iterable[Path]) -> dict[Path, set[Path]]:
    """*paths* by the top of the repository that each is in; *root* is the outermost."""
    tops: dict[Path, Path] = {root: root}
    found: dict[Path, set[Path]] = {root: set()}
    for path in paths:
        found[top_of(path.parent, tops, found)].add(path)
    return found


def top_of(folder: Path, tops: dict[Path, Path], found: dict[Path, set[Path]]) -> Path:
    way = []
    while folder not in tops:
        way.append(folder)
        folder = folder.parent
    for each in reversed(way):
        outer = tops[each.parent]
        tops[each] = outer
        if (each / ".git").exists():
            tops[each] = each
            found[outer].add(each)
            found[each] = set()
    return tops[way[0]] if way else tops[folder]


def asked(top: Path, paths: Collection[Path]) -> Iterator[Path]:
    if not paths or not concerns_git(top, paths):
        return
    names = b"\0".join(os.fsencode(path.relative_to(top)) for path in paths)
    if in_work_tree(top):
        told = git(top, *ASK, told=names, fine=(0, 1))
    else:
        with TemporaryDirectory(prefix="cinestream-") as empty:
            git(top, "init", "--quiet", "--bare", empty)
            told = git(top, *ASK, told=names, fine=(0, 1), GIT_DIR=empty, GIT_WORK_TREE=str(top))
    for name in filter(None, told.split(b"\0")):
        yield top / os.fsdecode(name)


def concerns_git(top: Path, paths: Iterable[Path]) -> bool:
    """Whether git may have something to say of *paths*: else it need not be installed."""
    folders = {folder for path in paths for folder in path.parents if folder.is_relative_to(top)}
    return any((folder / ".git").exists() for folder in (top, *top.parents)) or any(
        (folder / ".gitignore").exists() for folder in folders
    )


def in_work_tree(top: Path) -> bool:
    """Not where all of *top* is ignored, as in a home that is a repository of settings."""
    inside = git(top, "rev-parse", "--is-inside-work-tree", fine=(0, 128)).strip() == b"true"
    if not inside or not git(top, "rev-parse", "--show-prefix").strip():
        return inside
    return not git(top, "check-ignore", "--", ".", fine=(0, 1))


def git(top: Path, *words: str, told: bytes = b"", fine: Iterable[int] = (0,), **env: str) -> bytes:
    argv = ["git", *CAREFUL, "-C", str(top), *words]
    try:
        done = subprocess.run(
            argv,
            input=told,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            env=environment(os.environ) | env,
        )
    except FileNotFoundError:
        raise SourceError(
            "`git` is not installed on this machine",
            f"`{top}` is looked after by git, which knows what to leave out",
        ) from None
    except subprocess.TimeoutExpired:
        raise SourceError(f"git did not tell within {TIMEOUT} s what it ignores") from None
    if done.returncode not in fine:
        why = done.stderr.decode(errors="replace").strip()
        raise SourceError(f"git cannot tell what it ignores in `{top}`: {why}")
    return done.stdout


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """
    *ours*, without the repository that a hook of git would name.

    An object that is missing is fetched from nowhere: the way there may be a program.
    """
    kept = {name: text for name, text in ours.items() if not name.startswith("GIT_")}
    return {**kept, "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
