"""
The server itself: a Debian that systemd-nspawn boots, and boots again when it asks to.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cinestream_ops.lab import cgroups
from cinestream_ops.lab.cgroups import Group
from cinestream_ops.lab.faults import DiedEarly, TookTooLong
from cinestream_ops.lab.homes import Home
from cinestream_ops.lab.network import Network

BOOT_SECONDS = 60
OFF_SECONDS = 120
SSH = 22

# The mounts are made in a namespace of their own, and so end with the last process in it.
# nspawn tidies /run/systemd/nspawn as if it were the only one there: it gets an empty one.
MOUNT = """
mkdir -p /run/systemd/nspawn &&
mount -t tmpfs tmpfs /run/systemd/nspawn &&
mount -t overlay overlay -o "$1" "$2" &&
shift 2 && exec "$@"
"""

# systemd-nspawn(1), --keep-unit: it exits with 133 when the server wants to boot again.
KEEP = 'while "$@"; [ $? -eq 133 ]; do :; done'

ENVIRONMENT = {
    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
}


@dataclass(frozen=True)
class Machine:
    home: Home
    network: Network
    root: Path

    @property
    def group(self) -> Group:
        return cgroups.lab(self.home.name) / "machine"

    @property
    def upper(self) -> Path:
        return self.home.folder / "upper"

    @property
    def merged(self) -> Path:
        return self.home.folder / "merged"

    @property
    def layers(self) -> str:
        """The options of its overlay mount."""
        work = self.home.folder / "work"
        return f"lowerdir={self.root},upperdir={self.upper},workdir={work},index=off,metacopy=off"


def make_folders(machine: Machine) -> None:
    for name in ("upper", "work", "merged"):
        (machine.home.folder / name).mkdir()
    # The root of the server's file system is the upper folder's own mode.
    machine.upper.chmod(0o755)


def argv(machine: Machine) -> tuple[str, ...]:
    """The command that mounts the disk, boots the server, and keeps it."""
    own = ("unshare", "--mount", "--propagation", "slave")
    mounted = ("sh", "-ec", MOUNT, "mount", machine.layers, str(machine.merged))
    kept = ("sh", "-c", KEEP, "keep")
    return (*own, *mounted, *kept, *cgroups.inside(machine.group / "server", nspawn(machine)))


def nspawn(machine: Machine) -> tuple[str, ...]:
    return (
        "systemd-nspawn",
        "--quiet",
        f"--directory={machine.merged}",
        f"--machine={machine.home.name}",
        "--boot",
        "--register=no",
        "--keep-unit",
        "--notify-ready=yes",
        "--console=read-only",
        f"--network-namespace-path=/run/netns/{machine.network.namespace}",
        # For nftables, and for what systemd enforces with BPF: IPAddressDeny= is void without.
        "--capability=CAP_NET_ADMIN,CAP_BPF,CAP_PERFMON",
        "--system-call-filter=bpf @memlock",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
    )


@contextmanager
def notices(machine: Machine) -> Iterator[socket.socket]:
    """The socket on which the server will say that it is up; it must be there before it starts."""
    path = machine.home.notices
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as listener:
        listener.bind(str(path))
        yield listener


def start(machine: Machine) -> None:
    for part in ("keeper", "server"):
        cgroups.make(machine.group / part)
    env = {**os.environ, **ENVIRONMENT, "NOTIFY_SOCKET": str(machine.home.notices)}
    cgroups.start(machine.group / "keeper", argv(machine), machine.home.log("console"), env)


def wait(machine: Machine, listener: socket.socket) -> None:
    """
    Until the server says that it is up, and answers as an SSH server.

    Raises `DiedEarly` and `TookTooLong`, with the last words on its console.
    """
    deadline = time.monotonic() + BOOT_SECONDS
    listener.settimeout(0.1)
    while not said_ready(listener):
        check(machine, deadline)
    while not speaks_ssh(machine.network.server):
        check(machine, deadline)
        time.sleep(0.01)


def wait_off(machine: Machine) -> None:
    """Until the server has shut itself down.  Raises `TookTooLong`."""
    deadline = time.monotonic() + OFF_SECONDS
    while state(machine.home.name) != "off":
        if time.monotonic() > deadline:
            raise TookTooLong("the server's end", OFF_SECONDS, machine.home.said("console"))
        time.sleep(0.05)


def check(machine: Machine, deadline: float) -> None:
    if not cgroups.alive(machine.group / "keeper"):
        raise DiedEarly("the server", machine.home.said("console"))
    if time.monotonic() > deadline:
        raise TookTooLong("the server's boot", BOOT_SECONDS, machine.home.said("console"))


def said_ready(listener: socket.socket) -> bool:
    try:
        return b"READY=1" in listener.recv(4096).split(b"\n")
    except TimeoutError:
        return False


def speaks_ssh(address: str) -> bool:
    try:
        with socket.create_connection((address, SSH), timeout=1) as connection:
            # Who leaves without a word is an error in the server's journal.
            connection.sendall(b"SSH-2.0-cinestream\r\n")
            return connection.recv(4096).startswith(b"SSH-")
    except OSError:
        return False


def state(name: str) -> str:
    """`running`; `off`, with its disk kept; or `broken`, if half of it is gone."""
    group = cgroups.lab(name) / "machine"
    keeper, server = cgroups.alive(group / "keeper"), cgroups.alive(group / "server")
    if keeper:
        return "running"
    return "broken" if server else "off"
