"""
Packages of the distribution: what dpkg has, and one `apt-get install` for all that is missing.

A running `apt-get` or `dpkg` is never killed, and no package is ever removed.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from functools import lru_cache
from pathlib import Path
from typing import IO, Dict, Iterator, List, Optional, Sequence

from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Fact, Package
from cinestream_ops.state.steps import Step

STATUS = Path("/var/lib/dpkg/status")
UPDATES = Path("/var/lib/dpkg/updates")
LISTS = Path("/var/lib/apt/lists")

DAY = 24 * 3600
PATIENCE = 1800  # seconds for one apt-get
LOCK_PATIENCE = 180  # seconds for somebody else's apt-get
QUIET = {
    "DEBIAN_FRONTEND": "noninteractive",
    "NEEDRESTART_MODE": "a",
    "LC_ALL": "C",
    # Some ways to become root leave the path of a user, and dpkg needs `ldconfig`.
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}
OPTIONS = [
    "-o", f"DPkg::Lock::Timeout={LOCK_PATIENCE}",
    "-o", "Dpkg::Options::=--force-confdef",
    "-o", "Dpkg::Options::=--force-confold",
]  # fmt: skip


def look(items: Sequence[Package]) -> Dict[str, Fact]:
    there = installed()
    return {item.key: {"installed": True} if item.package in there else None for item in items}


def installed() -> Dict[str, str]:
    """The version of each installed package."""
    try:
        found = STATUS.stat()
    except FileNotFoundError:
        return {}
    return remembered(found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=1)
def remembered(_mtime: int, _size: int) -> Dict[str, str]:
    return versions(STATUS.read_text("utf-8", "replace"))


def versions(status: str) -> Dict[str, str]:
    """The version of each package that dpkg's *status* file calls installed (deb822)."""
    return {
        name.group(1): version.group(1)
        for paragraph in status.split("\n\n")
        for name in [re.search(r"^Package: (\S+)$", paragraph, re.MULTILINE)]
        for version in [re.search(r"^Version: (\S+)$", paragraph, re.MULTILINE)]
        if name and version and re.search(r"^Status: \S+ ok installed$", paragraph, re.MULTILINE)
    }


def do(step: Step, kit: Kit) -> None:
    do_all([step], kit)


def do_all(steps: Sequence[Step], kit: Kit) -> None:
    """Install every package of *steps* at once."""
    names = [step.item.name for step in steps]
    finish_what_broke_off(kit, steps[0].key)
    if lists_are_old():
        update(kit, steps[0].key)
    try:
        install(names, kit, steps[0].key)
    except Refused as error:
        if not is_stale(error.why):
            raise
        update(kit, steps[0].key)
        install(names, kit, steps[0].key)


def finish_what_broke_off(kit: Kit, key: str) -> None:
    """An interrupted dpkg leaves a journal in `updates/`, and installs nothing before that."""
    if UPDATES.is_dir() and any(path.name.isdigit() for path in UPDATES.iterdir()):
        run(["dpkg", "--force-confold", "--configure", "-a"], kit, key)


def lists_are_old() -> bool:
    if not LISTS.is_dir() or not any("_Packages" in name for name in map(str, LISTS.iterdir())):
        return True
    # The lists themselves carry the mirror's time; the folders carry ours.
    touched = max(path.stat().st_mtime for path in (LISTS, LISTS / "partial") if path.is_dir())
    return time.time() - touched > DAY


def is_stale(why: str) -> bool:
    return bool(re.search(r"404 |Unable to locate|no installation candidate|Hash Sum", why))


def update(kit: Kit, key: str) -> None:
    kit.progress(key, "reading the lists of packages", 0, 100)
    end = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            apt_get(["update"], kit, key)
        except Refused as error:
            # apt waits for the lock of dpkg, not for that of the lists.
            if "Could not get lock" not in error.why or time.monotonic() > end:
                raise
            with kit.stops.allowed():
                time.sleep(2)
        else:
            return


def install(names: Sequence[str], kit: Kit, key: str) -> None:
    try:
        apt_get(["install", "-y", "--no-install-recommends", *names], kit, key)
    except Refused as error:
        packages = ", ".join(f"`{name}`" for name in names)
        raise Refused(f"could not install {packages}: {error.why}", error.hint) from None
    missing = [name for name in names if name not in installed()]
    if missing:
        raise Refused(f"`{'`, `'.join(missing)}` did not get installed, though `apt-get` says so")


def apt_get(words: Sequence[str], kit: Kit, key: str) -> None:
    from tempfile import TemporaryFile

    with TemporaryFile() as status:
        argv = ["apt-get", "-q", *OPTIONS, "-o", f"APT::Status-Fd={status.fileno()}", *words]
        run(argv, kit, key, status)


def run(argv: Sequence[str], kit: Kit, key: str, status: Optional[IO[bytes]] = None) -> None:
    """
    Run *argv*, and tell how far it is by what it writes to *status*.

    It writes into files and stands in a session of its own: should we be stopped, it ends its
    work alone, and dpkg is not left broken.
    """
    from tempfile import TemporaryFile  # it is slow to import, and a look does not need it

    with TemporaryFile() as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **QUIET},
            pass_fds=[status.fileno()] if status else [],
            start_new_session=True,
        )
        for line in lines_until_end(process, status, kit):
            tell(line, kit, key)
        if process.returncode:
            raise Refused(condensed(os.pread(output.fileno(), 1 << 22, 0).decode(errors="replace")))


def lines_until_end(
    process: subprocess.Popen[bytes], status: Optional[IO[bytes]], kit: Kit
) -> Iterator[str]:
    end = time.monotonic() + PATIENCE
    told = 0
    while process.poll() is None:
        if time.monotonic() > end:
            raise Refused(f"`apt-get` is not done after {PATIENCE // 60} minutes", "see `ps`")
        with kit.stops.allowed():
            time.sleep(0.2)
        # The file and its position are shared with the writer: `pread` moves nothing.
        written = os.pread(status.fileno(), 1 << 20, 0) if status else b""
        lines = written.decode(errors="replace").split("\n")[:-1]
        yield from lines[told:]
        told = len(lines)


def tell(line: str, kit: Kit, key: str) -> None:
    """Pass on one line of apt's status stream (`README.progress-reporting` of apt)."""
    kind, *rest = line.split(":", 3)
    if kind in {"dlstatus", "pmstatus"} and len(rest) == 3:
        kit.progress(key, rest[2], int(float(rest[1].replace(",", "."))), 100)


def condensed(output: str) -> str:
    """The errors of apt, or the end of what it said."""
    lines: List[str] = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "dpkg: error"))]
    return "; ".join(dict.fromkeys(errors or lines[-4:])) or "`apt-get` failed without a word"
