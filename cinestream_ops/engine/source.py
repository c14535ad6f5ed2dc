"""
A site's source: a tree of the owner's or of ours, and what it needs.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cinestream_ops.channel.conversation import Blob
from cinestream_ops.engine import credentials
from cinestream_ops.engine.selection import LeftOut, Meant, Selection, selection
from cinestream_ops.engine.shipped import folder
from cinestream_ops.engine.source_error import SourceError
from cinestream_ops.engine.spool import Spool
from cinestream_ops.engine.trees import pack
from cinestream_ops.spec import site_file
from cinestream_ops.spec.faults import safe
from cinestream_ops.spec.names import without_credentials
from cinestream_ops.state.items import digest

BUNDLED = "bundled"
CLONE_TIMEOUT = 300  # seconds
LARGEST = 1 << 20  # bytes of a `site.toml`


@dataclass(frozen=True)
class Source:
    """
    A release and its requirements by digest, what they are, and what the tree says of itself.

    It is so many *files* of so many bytes, at a *commit* if it was cloned.
    """

    release: str
    requirements: str
    uploads: Mapping[str, Blob]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    files: int = 0
    size: int = 0
    left_out: tuple[LeftOut, ...] = ()
    commit: str = ""


def read_source(
    source: str,
    *,
    wsgi: str,
    requirements: Path | None = None,
    workdir: Path = Path(),
    ref: str = "",
    sends: Collection[str] = (),
) -> Source:
    """
    The tree at *source*: `bundled`, a directory, or a git URL (cloned into *workdir*).

    With a *ref* it is that branch, tag or commit of a repository, which a directory may be too.
    What the owner *sends* goes along although it would stay at home, from the top of the tree.
    Raises `SourceError` when it is missing, unreadable, or has not the module of *wsgi*; and when
    there are keys in it, or a home.
    """
    if source == BUNDLED:
        root = folder("site_template") / "src"
        chosen = selection(root, git=False)
        return packed(root, chosen, (folder("site_template") / "requirements.txt").read_bytes())
    refuse_credentials(source)
    clone = bool(ref) or is_git(source)
    root = cloned(source, workdir, ref) if clone else local(source)
    refuse_without(root, wsgi, source)
    refuse_missing(root, sends, "`--send` names files and folders, from the top of the source")
    chosen = selection(root, Meant(includes(root), sends))
    credentials.refuse_private(root, chosen.files, sends)
    own = wanted(root, requirements, chosen)
    return packed(root, chosen, own, commit(root) if clone else "")


def packed(root: Path, chosen: Selection, requirements: bytes, commit: str = "") -> Source:
    told = defaults(root)
    static = told.get("static", "")
    tree = Spool()
    pack(root, chosen.files, tree.file, static=static if isinstance(static, str) else "")
    release = tree.digest
    return Source(
        release=release,
        requirements=digest(requirements),
        uploads={release: tree, digest(requirements): requirements},
        defaults=told,
        files=len(chosen.files),
        size=sum(path.stat().st_size for path in chosen.files),
        left_out=chosen.left_out,
        commit=commit,
    )


def includes(root: Path) -> list[str]:
    """What the tree's own `site.toml` has sent although git ignores it, as what was built is."""
    found = site_file.included(manifest(root))
    refuse_missing(root, found, "`include` in `site.toml` names what there is to be sent")
    return found


def refuse_missing(root: Path, names: Collection[str], hint: str) -> None:
    for name in names:
        inside = (root / name).resolve().is_relative_to(root.resolve())
        if not inside or not (root / name).exists():
            raise SourceError(f"the source has no `{safe(name)}`", hint)


def defaults(root: Path) -> dict[str, Any]:
    """The fields of a `Site` that the tree's own `site.toml` sets."""
    return site_file.fields(manifest(root))


def manifest(root: Path) -> bytes:
    """The tree's own `site.toml`; empty if it has none."""
    path = root / site_file.NAME
    try:
        # Whoever made the tree may have put anything there: a pipe, a device, another's file.
        if not os.path.lexists(path):
            return b""
        if path.is_symlink() or not path.is_file():
            raise SourceError(f"`{path}` is not a file")
        if path.stat().st_size > LARGEST:
            raise SourceError(f"`{path}` is larger than {LARGEST >> 10} KiB")
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"`{path}` cannot be read: {error.strerror}") from None


def is_git(source: str) -> bool:
    return "://" in source or source.startswith("git@") or source.endswith(".git")


def refuse_credentials(source: str) -> None:
    if without_credentials(source) != source:
        raise SourceError(
            "an address with a user name, a password or a token in it is neither used nor stored",
            "leave out what is before the `@`: git asks its credential helper, "
            "see gitcredentials(7)",
        )


def local(source: str) -> Path:
    """The folder itself, wherever links lead."""
    root = Path(source).expanduser().resolve()
    if not root.is_dir():
        raise SourceError(f"`{source}` is not a directory", "name the folder that holds the site")
    credentials.refuse_home(root)
    return root


def cloned(url: str, workdir: Path, ref: str) -> Path:
    """A fresh clone, made on the owner's machine with the owner's own credentials."""
    root = workdir.resolve() / "source"
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


def commit(root: Path) -> str:
    return git("-C", str(root), "rev-parse", "HEAD", what="the clone").strip()


def known(root: Path, name: str) -> bool:
    argv = ["git", "-C", str(root), "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"]
    done = subprocess.run(argv, capture_output=True, timeout=CLONE_TIMEOUT, check=False)
    return not done.returncode


def git(*words: str, what: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], capture_output=True, text=True, timeout=CLONE_TIMEOUT, check=False
        )
    except FileNotFoundError:
        raise SourceError("`git` is not installed on this machine") from None
    except subprocess.TimeoutExpired:
        raise SourceError(f"{what} was not cloned within {CLONE_TIMEOUT} s") from None
    if done.returncode:
        # git shows an address as `url.*.insteadOf` of its configuration makes it, token and all.
        why = re.sub(r"://[^/@\s]*@", "://", done.stderr.strip())
        raise SourceError(f"{what} could not be cloned: {why}")
    return done.stdout


def refuse_without(root: Path, wsgi: str, source: str) -> None:
    """Whether the object is there is known only to Python, on the server; a missing file is not."""
    module = root.joinpath(*wsgi.partition(":")[0].split("."))
    if not (module.with_suffix(".py").is_file() or (module / "__init__.py").is_file()):
        raise SourceError(
            f"`{source}` has no module `{wsgi.partition(':')[0]}`",
            "`--wsgi package.module:app` names a module in the source and the object in it",
        )


def wanted(root: Path, requirements: Path | None, chosen: Selection) -> bytes:
    """The site's own requirements, and after them those of the runner."""
    path = requirements or root / "requirements.txt"
    if requirements is None and path.is_symlink() and path not in chosen.files:
        raise SourceError(
            f"`{path}` is a link to what is not sent", "`--requirements` names a file"
        )
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
