"""
The account that builds environments, and the sandbox that it builds them in.

What is built belongs to a stranger as soon as a package comes as source: nothing of it is run by
root, now or later, and what it wrote is only ever copied (see `seal`).

The sandbox has a root of its own, in which there is nothing but what a build needs.
"""

from __future__ import annotations

import ipaddress
import os
import pwd
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Optional, Sequence

from cinestream_ops.agent import sandbox, transient
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Failed, Refused
from cinestream_ops.state import paths

UNIT = "cinestream-build.service"
PATIENCE = 900  # seconds
# What sites serve with is theirs: builds take what is left, and fail before the server does.
BOUNDS = ["CPUWeight=20", "IOWeight=20", "MemoryMax=75%", "TasksMax=512"]
CACHE = "/cache"  # within the sandbox
# Compilers, and what it takes to ask a package index.  A name that starts with `-` may be missing.
SEEN = (
    "/usr", "-/bin", "-/sbin", "-/lib", "-/lib64", "-/etc/alternatives", "-/etc/ld.so.cache",
    "-/etc/uv", "-/etc/pip.conf", "-/etc/ssl", "-/etc/ca-certificates", "-/etc/resolv.conf",
    "-/etc/hosts", "-/etc/host.conf", "-/etc/nsswitch.conf", "-/etc/gai.conf", "-/etc/localtime",
    "-/etc/passwd", "-/etc/group",
)  # fmt: skip
# Where clouds tell a machine its secrets: the addresses of IPv4, and of AWS's IPv6.
METADATA = ("169.254.169.254", "fd00:ec2::254")
CLOSED = "IPAddressDeny=127.0.0.0/8 ::1/128 169.254.0.0/16 fd00:ec2::254"
SANDBOX = (
    *sandbox.COMMON,
    "SystemCallFilter=~@privileged",
    *BOUNDS,
    "Nice=10",
    "LimitCORE=0",
    "PrivateTmp=yes",
    "PrivateIPC=yes",
    "TemporaryFileSystem=/dev/shm:mode=1777",  # else it is everybody's
    "WorkingDirectory=/tmp",
    # Nothing of it outlives the process that was started.
    "KillSignal=SIGKILL",
    f"RuntimeMaxSec={PATIENCE}",
)
# No socket but those of the network: others reach whom they like, and carry open files.
ONLINE = ("RestrictAddressFamilies=AF_INET AF_INET6", CLOSED)
OFFLINE = ("PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX")


@dataclass(frozen=True)
class Build:
    """A build under way: what it makes in the folder *home* is in *made*."""

    home: str
    made: Path
    cache: Path
    root: Path
    kit: Kit

    def online(self, argv: Sequence[str], env: Sequence[str] = (), told: bytes = b"") -> None:
        """*argv* with a cache, package indexes and *told* as its stdin; `Failed` if it fails."""
        allowed = "IPAddressAllow=" + " ".join(resolvers(Path("/etc/resolv.conf")))
        cache = f"BindPaths={self.cache}:{CACHE}"
        self._run(argv, [*ONLINE, allowed, cache], env, told)

    def offline(self, argv: Sequence[str]) -> None:
        """*argv* with nothing but what was made; `Failed` if it fails."""
        self._run(argv, OFFLINE, (), b"")

    def _run(
        self, argv: Sequence[str], more: Sequence[str], env: Sequence[str], told: bytes
    ) -> None:
        properties = [
            *SANDBOX,
            *more,
            f"User={paths.BUILDER}",
            f"Group={paths.BUILDER}",
            f"RootDirectory={self.root}",
            f"BindReadOnlyPaths={' '.join(SEEN)}",
            f"BindPaths={self.made}:{self.home}",
            f"Environment={' '.join(['HOME=/tmp', 'LC_ALL=C.UTF-8', *env])}",
        ]
        options = ["--pipe", "--wait", "--collect", "--service-type=exec"]
        run = transient.argv(UNIT, options, properties)
        try:
            self.kit.run([*run, *transient.escaped(argv)], PATIENCE + 60, stdin=told)
        except Failed as error:
            # Else what failed would be told as all of systemd-run's options.
            raise Failed([argv[0]], error.code, error.said or ended()) from None
        finally:
            transient.end(UNIT)


def ended() -> str:
    return f"it was stopped: it has {PATIENCE} s, and three quarters of the memory"


@contextmanager
def begun(home: str, kit: Kit, *, alone: bool) -> Iterator[Build]:
    """
    The folder *home* in a sandbox, empty; nothing of it is left afterwards.

    The cache is that of all builds; for one that runs the code of strangers, and is to be *alone*,
    it is an empty one that goes with it.
    """
    owner = account()
    transient.end(UNIT)  # of an agent that died
    top, build = Path(paths.BUILDS), Path(paths.BUILDS, "build")
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    top.chmod(0o700)
    # What earlier versions shared with everybody.
    swept([build, top / "uv"], kit)
    try:
        build.mkdir(mode=0o700)
        (build / "root").mkdir(mode=0o755)
        cache = folder(build / "cache" if alone else top / "wheels", owner)
        yield Build(home, folder(build / "made", owner), cache, build / "root", kit)
    finally:
        swept([build], kit)


def account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(paths.BUILDER)
    except KeyError:
        raise Refused(
            f"there is no user `{paths.BUILDER}` to build as",
            "`cinestream apply` brings the whole server up to date",
        ) from None


def folder(path: Path, owner: pwd.struct_passwd) -> Path:
    """*path*, which nobody but *owner* looks into; the folder above it is root's."""
    path.mkdir(mode=0o700, exist_ok=True)
    os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
    return path


def swept(folders: Sequence[Path], kit: Kit) -> None:
    """Not by `shutil`, which calls itself once for each folder in a folder."""
    with kit.stops.shut():
        kit.run(["rm", "-rf", "--", *map(str, folders)], PATIENCE)


def resolvers(path: Path) -> List[str]:
    """The name servers in the resolv.conf(5) at *path*, but for one that tells secrets too."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return []
    words = (line.split() for line in lines)
    found = (address(each[1]) for each in words if each[:1] == ["nameserver"] and each[1:])
    return [each for each in found if each and each not in METADATA]


def address(text: str) -> Optional[str]:
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None
