"""
Which files of a source travel to the server, and which stay at home.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cinestream_ops.engine import gitignore
from cinestream_ops.engine.source_error import SourceError

CACHE = "history or cache"
ENVIRONMENT = "environment"
IGNORED = "ignored by git"
PACKAGES = "installed packages"
FOLDER_LINK = "link to a folder"
DANGLING = "link to nothing"
SPECIAL = "neither file nor folder"

NAMES = {
    **dict.fromkeys((".git", ".hg", ".svn", "__pycache__"), CACHE),
    **dict.fromkeys((".mypy_cache", ".pytest_cache", ".ruff_cache"), CACHE),
    **dict.fromkeys((".venv", "node_modules"), PACKAGES),
}
SUFFIXES = {".pyc": CACHE, ".pyo": CACHE, ".env": ENVIRONMENT}


@dataclass(frozen=True)
class LeftOut:
    """What stays at home, from the top of the source (a folder ends with `/`), and why."""

    path: str
    why: str


@dataclass(frozen=True)
class Selection:
    """The files that travel, each folder's in the order of their names, and what does not."""

    files: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class Meant:
    """
    What the owner wants to be sent although it would stay at home, from the top of the source.

    What the source's own `site.toml` *includes* may be ignored by git; an environment travels only
    when the owner *sends* it.
    """

    includes: Collection[str] = ()
    sends: Collection[str] = ()

    def has(self, path: str, why: str) -> bool:
        names = self.sends if why == ENVIRONMENT else (*self.includes, *self.sends)
        return any(path == name or path.startswith(f"{name}/") for name in names)

    def has_below(self, path: str) -> bool:
        return any(name.startswith(f"{path}/") for name in (*self.includes, *self.sends))


NOTHING = Meant()


def selection(root: Path, meant: Meant = NOTHING, *, git: bool = True) -> Selection:
    """
    What is below *root* and travels: no cache, environment or link to a folder, and nothing that
    git ignores, but for what is *meant*.

    Raises `SourceError` when something cannot be read, or a link leads out of the tree.
    """
    found = list(walk(root, meant))
    fit = [path for path, why in found if not why]
    ignored = gitignore.ignored(root, fit) if git else set()
    ignored = {path for path in ignored if not meant.has(name(path, root), IGNORED)}
    files = tuple(path for path in fit if path not in ignored)
    refuse_leading_out(root, files)
    stays = [(path, IGNORED if path in ignored else why) for path, why in found]
    return Selection(files, tuple(told(root, [each for each in stays if each[1]], files)))


def walk(root: Path, meant: Meant) -> Iterator[tuple[Path, str]]:
    """All that is below *root*, and why it stays at home; empty where nothing is against it."""
    waiting = [(root, "")]
    while waiting:
        path, inherited = waiting.pop()
        why = "" if path == root else reason(path, root) or inherited
        if why and meant.has(name(path, root), why):
            why = ""
        folder = path.is_dir() and not path.is_symlink()
        if folder and (not why or meant.has_below(name(path, root))):
            waiting += [(each, why) for each in reversed(listed(path))]
        elif not folder or why:
            yield path, why or unfit(path)


def listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise SourceError(f"`{folder}` cannot be read: {error.strerror}") from None


def reason(path: Path, root: Path) -> str:
    """Why *path* stays at home by its name, or by that of what it is a link to."""
    if path.is_symlink() and path.resolve().is_relative_to(root):
        parts = path.resolve().relative_to(root).parts
        return next(filter(None, map(by_name, (path.name, *parts))), "")
    if (path / "pyvenv.cfg").is_file():
        return PACKAGES
    return by_name(path.name)


def by_name(name: str) -> str:
    name = name.casefold()
    # Also what an editor leaves of one, `..env.swp`.
    if name.startswith(".") and name.lstrip(".").startswith("env"):
        return ENVIRONMENT
    return NAMES.get(name) or SUFFIXES.get(Path(name).suffix, "")


def unfit(path: Path) -> str:
    """Why *path*, which is no folder, cannot be packed."""
    if not path.is_symlink():
        return "" if path.is_file() else SPECIAL
    if path.is_dir():
        return FOLDER_LINK
    if not path.exists():
        return DANGLING
    return "" if path.is_file() else SPECIAL


def refuse_leading_out(root: Path, files: Iterable[Path]) -> None:
    """What a link inside the tree points to is packed in its place; nothing else may be."""
    for path in files:
        if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
            raise SourceError(f"`{path}` is a link that leads out of `{root}`")


def told(root: Path, stays: Iterable[tuple[Path, str]], files: Iterable[Path]) -> Iterator[LeftOut]:
    """What *stays* at home; an ignored folder of which nothing travels is told as one."""
    kept = {root, *(folder for path in files for folder in path.parents)}
    for path, why in dict.fromkeys(
        (highest(path, root, kept) if why == IGNORED else path, why) for path, why in stays
    ):
        folder = path.is_dir() and not path.is_symlink()
        yield LeftOut(name(path, root) + "/" * folder, why)


def highest(path: Path, root: Path, kept: Collection[Path]) -> Path:
    """*path*, or the folder nearest to the *root* that it is in and that nothing is kept of."""
    way = [*reversed(path.parents), path]
    return next(each for each in way if each.is_relative_to(root) and each not in kept)


def name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
