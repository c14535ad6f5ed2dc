"""
Where a lab lives on this machine: one folder each, and its record in it.

A lab exists as long as its folder does: it is made first and removed last.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from cinestream_ops.lab import locks
from cinestream_ops.lab.faults import BadName

NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")
LOCK_SECONDS = 300


@dataclass(frozen=True)
class Record:
    """What a lab was made with, and what cannot be seen by looking at it."""

    suite: str
    number: int
    root: str
    mongodb_archive: str
    mongodb_sha256: str


@dataclass(frozen=True)
class Home:
    """The folder of one lab, and the names of what is in it."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def record(self) -> Path:
        return self.folder / "lab.json"

    @property
    def identity(self) -> Path:
        return self.folder / "id_ed25519"

    @property
    def host_key(self) -> Path:
        return self.folder / "ssh_host_ed25519_key"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def authority(self) -> Path:
        """Who vouches for the ACME server's own TLS."""
        return self.folder / "authority.pem"

    @property
    def authority_key(self) -> Path:
        return self.folder / "authority.key"

    @property
    def acme_root(self) -> Path:
        """Who vouches for the certificates that the ACME server issues."""
        return self.folder / "acme-root.pem"

    @property
    def notices(self) -> Path:
        """The socket on which the server's systemd says that it is up."""
        return self.folder / "notices"

    def log(self, part: str) -> Path:
        return self.folder / f"{part}.log"

    def said(self, part: str) -> str:
        log = self.log(part)
        return log.read_text(errors="replace") if log.exists() else ""


def folder() -> Path:
    """CINESTREAM_LAB_STATE, or `/var/lib/cinestream-lab`."""
    return Path(os.environ.get("CINESTREAM_LAB_STATE") or "/var/lib/cinestream-lab").absolute()


def home(name: str) -> Home:
    if not NAME.fullmatch(name):
        raise BadName(name)
    return Home(folder() / name)


def homes() -> Iterator[Home]:
    """Those that are there, in order of their names."""
    if folder().exists():
        yield from (Home(path) for path in sorted(folder().iterdir()) if path.is_dir())


@contextmanager
def lock(home: Home) -> Iterator[None]:
    """Only one command at a time may work on one lab; the last one out takes the folder along."""
    path, what = home.folder.with_suffix(".lock"), f"the end of another command on `{home.name}`"
    try:
        with locks.held(path, what, LOCK_SECONDS):
            yield
    finally:
        with suppress(OSError):  # Other labs are still there.
            folder().rmdir()


def number_lock() -> AbstractContextManager[None]:
    """Only one lab at a time may choose its network."""
    return locks.held(
        folder() / ".number.lock", "the choice of another lab's network", LOCK_SECONDS
    )


def write(home: Home, record: Record) -> None:
    home.folder.mkdir(mode=0o700, parents=True)
    home.record.write_text(json.dumps(asdict(record)))


def read(home: Home) -> Record | None:
    """Its record; None if it was never written whole, or there is no such lab."""
    try:
        return Record(**json.loads(home.record.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def records() -> tuple[Record, ...]:
    return tuple(record for home in homes() if (record := read(home)))
