"""
A site's source: a tree of the owner's or of ours, and what it needs.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cinestream_ops.engine.shipped import folder
from cinestream_ops.engine.trees import SourceError, tar
from cinestream_ops.spec.site_file import fields
from cinestream_ops.state.items import digest

BUNDLED = "bundled"
CLONE_TIMEOUT = 300  # seconds
LARGEST = 1 << 20  # bytes of a `site.toml`


@dataclass(frozen=True)
class Source:
    """A release and its requirements by digest, what they are, and what the tree says of itself."""

    release: str
    requirements: str
    uploads: Mapping[str, bytes | Path]
    defaults: Mapping[str, Any] = field(default_factory=dict)


def read_source(
    source: str,
    *,
    wsgi: str,
    requirements: Path | None = None,
    workdir: Path = Path(),
    ref: str = "",
) -> Source:
    """
    The tree at *source*: `bundled`, a directory, or a git URL (cloned into *workdir*).

    With a *ref* it is that branch, tag or commit of a repository, which a directory may be too.
    Raises `SourceError` when it is missing, unreadable, or has not the module of *wsgi*.
    """
    if source == BUNDLED:
        root = folder("site_template") / "src"
        return packed(root, (folder("site_template") / "requirements.txt").read_bytes())
    root = cloned(source, workdir, ref) if ref or is_git(source) else local(source)
    refuse_without(root, wsgi, source)
    return packed(root, wanted(root, requirements))


def packed(root: Path, requirements: bytes) -> Source:
    told = defaults(root / "site.toml")
    static = told.get("static", "")
    tree = tar(root, static=static if isinstance(static, str) else "")
    return Source(
        release=digest(tree),
        requirements=digest(requirements),
        uploads={digest(tree): tree, digest(requirements): requirements},
        defaults=told,
    )


def defaults(manifest: Path) -> dict[str, Any]:
    """The fields of a `Site` that the tree's own `site.toml` sets."""
    try:
        # Whoever made the tree may have put anything there: a pipe, a device, another's file.
        if not os.path.lexists(manifest):
            return {}
        if manifest.is_symlink() or not manifest.is_file():
            raise SourceError(f"`{manifest}` is not a file")
        if manifest.stat().st_size > LARGEST:
            raise SourceError(f"`{manifest}` is larger than {LARGEST >> 10} KiB")
        return fields(manifest.read_bytes())
    except OSError as error:
        raise SourceError(f"`{manifest}` cannot be read: {error.strerror}") from None


def is_git(source: str) -> bool:
    return "://" in source or source.startswith("git@") or source.endswith(".git")


def local(source: str) -> Path:
    root = Path(source).expanduser()
    if not root.is_dir():
        raise SourceError(f"`{source}` is not a directory", "name the folder that holds the site")
    return root


def cloned(url: str, workdir: Path, ref: str) -> Path:
    """A fresh clone, made on the owner's machine with the owner's own credentials."""
    root = workdir / "source"
    if not ref:
        git("clone", "--quiet", "--depth", "1", "--", url, str(root), what=f"`{url}`")
        return root
    # Not every server gives out a commit that no name leads to, so all of them are had.
    git("clone", "--quiet", "--no-checkout", "--", url, str(root), what=f"`{url}`")
    for name in (f"refs/remotes/origin/{ref}", f"refs/tags/{ref}", ref):
        if known(root, name):
            git("-C", str(root), "checkout", "--quiet", "--detach", name, what=f"`{url}`")
            return root
    raise SourceError(f"`{url}` has no branch, tag or commit `{ref}`", "`--ref` names one of them")


def known(root: Path, name: str) -> bool:
    argv = ["git", "-C", str(root), "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"]
    done = subprocess.run(argv, capture_output=True, timeout=CLONE_TIMEOUT, check=False)
    return not done.returncode


def git(*words: str, what: str) -> None:
    try:
        done = subprocess.run(
            ["git", *words], capture_output=True, text=True, timeout=CLONE_TIMEOUT, check=False
        )
    except FileNotFoundError:
        raise SourceError("`git` is not installed on this machine") from None
    except subprocess.TimeoutExpired:
        raise SourceError(f"{what} was not cloned within {CLONE_TIMEOUT} s") from None
    if done.returncode:
        raise SourceError(f"{what} could not be cloned: {done.stderr.strip()}")


def refuse_without(root: Path, wsgi: str, source: str) -> None:
    """Whether the object is there is known only to Python, on the server; a missing file is not."""
    module = root.joinpath(*wsgi.partition(":")[0].split("."))
    if not (module.with_suffix(".py").is_file() or (module / "__init__.py").is_file()):
        raise SourceError(
            f"`{source}` has no module `{wsgi.partition(':')[0]}`",
            "`--wsgi package.module:app` names a module in the source and the object in it",
        )


def wanted(root: Path, requirements: Path | None) -> bytes:
    """The site's own requirements, and after them those of the runner."""
    path = requirements or root / "requirements.txt"
    runner = (folder("requirements") / "runner.txt").read_bytes()
    if requirements is None and not path.exists():
        return runner
    try:
        own = path.read_bytes()
    except OSError as error:
        raise SourceError(f"`{path}` cannot be read: {error.strerror}") from None
    # pip demands a hash for all or none; the runner's go when the owner wrote none.
    if own.strip() and b"--hash=" not in own:
        runner = b"".join(unhashed(runner))
    return own.rstrip() + b"\n" + runner


def unhashed(requirements: bytes) -> Iterator[bytes]:
    for line in requirements.splitlines():
        if b"==" in line:
            yield line.rstrip(b" \\") + b"\n"
