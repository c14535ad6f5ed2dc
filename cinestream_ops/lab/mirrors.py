"""
Where this machine's own apt and pip get their packages: the only upstreams a lab knows.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from urllib.parse import urlsplit

from cinestream_ops.lab import commands
from cinestream_ops.lab.faults import NoIndex, NoMirror

TARGETS = "$(ORIGIN)|$(LABEL)|$(REPO_URI)|$(RELEASE)"
POCKETS = ("", "updates", "security")


@dataclass(frozen=True)
class Archive:
    """One repository of a Debian mirror, and the pocket of a suite found in it."""

    url: str
    pocket: str

    def line(self, suite: str) -> str:
        """Its line in sources.list."""
        return f"deb {self.url} {'-'.join(filter(None, (suite, self.pocket)))} main"


@dataclass(frozen=True)
class Index:
    """Package indexes after PEP 503, in order of preference, and who vouches for their TLS."""

    urls: tuple[str, ...]
    authorities: str = ""


def archives() -> tuple[Archive, ...]:
    """
    The Debian archives that this machine's apt uses, or those of CINESTREAM_DEBIAN_MIRROR.

    Raises `NoMirror`.
    """
    named = os.environ.get("CINESTREAM_DEBIAN_MIRROR")
    if named:
        return tuple(Archive(named, pocket) for pocket in POCKETS[:2])
    said = commands.output("apt-get", "indextargets", "--format", TARGETS, "Created-By: Packages")
    found = tuple(dict.fromkeys(debian(said)))
    if not any(archive.pocket == "" for archive in found):
        raise NoMirror
    return found


def debian(said: str) -> Iterator[Archive]:
    for line in said.splitlines():
        origin, label, url, release = line.split("|")
        pocket = release.partition("-")[2]
        if origin == "Debian" and label.startswith("Debian") and pocket in POCKETS:
            yield Archive(url, pocket)


def apt_options() -> str:
    """What this machine's apt was told about its mirror's dates: a frozen mirror looks expired."""
    return commands.output(
        "apt-config", "dump", "--no-empty", "Acquire::Check-Valid-Until", "Acquire::Check-Date"
    )


@cache
def index() -> Index:
    """
    The package indexes that this machine's pip uses; asked once, since pip takes a second.

    Local directories and find-links are left out: the server could not see them. Raises `NoIndex`.
    """
    settings = dict(setting(line) for line in pip("config", "list").splitlines())
    first = settings.get("index-url") or default_index()
    urls = (first, *settings.get("extra-index-url", "").split())
    remote = tuple(url.rstrip("/") for url in urls if urlsplit(url).scheme in {"http", "https"})
    if not remote:
        raise NoIndex
    return Index(remote, settings.get("cert", ""))


def setting(line: str) -> tuple[str, str]:
    """The key and value in `global.index-url='…'`, which the environment spells `:env:.…`."""
    name, _, value = line.partition("=")
    return name.rpartition(".")[2], value.strip("'\"")


def default_index() -> str:
    """The index pip uses when told nothing, as its own help states it."""
    told = re.search(r"\(default\s+(https?://[^\s)]+)\)", pip("download", "--help"))
    return told.group(1) if told else ""


def pip(*arguments: str, seconds: float = 60) -> str:
    return commands.output(*pip_program(), *arguments, seconds=seconds)


def pip_program() -> tuple[str, ...]:
    if find_spec("pip"):
        return (sys.executable, "-m", "pip")
    found = shutil.which("pip3") or shutil.which("pip")
    if found:
        return (found,)
    raise NoIndex
