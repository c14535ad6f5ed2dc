"""
A real sshd on this machine, with keys and accounts of its own.

It runs in a mount namespace, so that its `passwd` and `sudoers` are seen by nobody else.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cinestream_ops.channel.target import Target

PASSPHRASE = "correct horse"
HOST_KEYS = {"host": "ed25519", "host_ecdsa": "ecdsa", "other_host": "ed25519"}
OWN_KEYS = {"owner": "", "stranger": "", "locked": PASSPHRASE}
ACCOUNTS = ("admin", "guest")
SUDOERS = "root ALL=(ALL:ALL) ALL\nadmin ALL=(ALL) NOPASSWD: ALL\nguest ALL=(ALL) ALL\n"
BEGIN = """
for file in passwd shadow sudoers; do
    [ ! -e /etc/$file ] || mount --bind "$1/etc/$file" /etc/$file
done
mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec /usr/sbin/sshd -D -e -f "$2"
"""


@dataclass(frozen=True)
class Ground:
    """A directory with everything that our servers share."""

    home: Path

    def key(self, name: str) -> str:
        return str(self.home / name)

    def public(self, name: str) -> str:
        """`TYPE BASE64`."""
        return " ".join(self.home.joinpath(f"{name}.pub").read_text().split()[:2])

    def fingerprint(self, name: str) -> str:
        argv = ["ssh-keygen", "-lf", self.key(name)]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()[1]


@dataclass(frozen=True)
class Server:
    """One sshd, and the target that it is."""

    pid: int
    ground: Ground
    target: Target

    def but(self, **changes: Any) -> Target:
        return replace(self.target, **changes)

    @property
    def known_as(self) -> str:
        return f"[127.0.0.1]:{self.target.port}"

    def known(self, path: Path, key: str = "host") -> str:
        """A known_hosts file that has this server's key, or another."""
        path.write_text(f"{self.known_as} {self.ground.public(key)}\n")
        return str(path)


def ground(home: Path) -> Ground:
    made = Ground(home)
    for name, kind in HOST_KEYS.items():
        keygen(home / name, kind, "")
    for name, passphrase in OWN_KEYS.items():
        keygen(home / name, "ed25519", passphrase)
    (home / "authorized").write_text(f"{made.public('owner')}\n{made.public('locked')}\n")
    etc = home / "etc"
    etc.mkdir()
    lines = {
        name: f"{name}:x:{60000 + n}:{60000 + n}::/:/bin/sh\n" for n, name in enumerate(ACCOUNTS)
    }
    others = Path("/etc/passwd").read_text().splitlines(keepends=True)[1:]
    # Root too without a home: what its shell would read there is no matter of ours.
    root = "root:x:0:0::/:/bin/sh\n"
    (etc / "passwd").write_text("".join((root, *others, *lines.values())))
    (etc / "shadow").write_text(
        "".join(f"{name}:*:19000:0:99999:7:::\n" for name in ("root", *ACCOUNTS))
    )
    (etc / "sudoers").write_text(SUDOERS)
    (etc / "sudoers").chmod(0o440)
    (etc / "shadow").chmod(0o600)
    return made


def keygen(path: Path, kind: str, passphrase: str) -> None:
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path)]
    subprocess.run(argv, check=True)


@contextmanager
def sshd(
    ground: Ground, directory: Path, *options: str, host_key: str = "host"
) -> Iterator[Server]:
    """Answers once it listens; *options* are lines of sshd_config."""
    port = free_port()
    conf = directory / f"sshd_config-{port}"
    conf.write_text("\n".join((*options, *base(ground, port, host_key), "")))
    with (directory / f"log-{port}").open("wb") as log:
        server = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                BEGIN,
                "sshd",
                str(ground.home),
                str(conf),
            ],
            stderr=log,
        )
    try:
        await_port(port, server)
        known = directory / f"known-{port}"
        known.write_text(f"[127.0.0.1]:{port} {ground.public(host_key)}\n")
        target = Target("box", "127.0.0.1", port, "root", ground.key("owner"), str(known))
        yield Server(server.pid, ground, target)
    finally:
        server.terminate()
        server.wait(10)


def base(ground: Ground, port: int, host_key: str) -> list[str]:
    return [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {ground.key(host_key)}",
        "PidFile none",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin yes",
        "AuthorizedKeysFile none",
        f"AuthorizedKeysCommand {shutil.which('cat')} {ground.home}/authorized",
        "AuthorizedKeysCommandUser root",
        "PrintMotd no",
        "MaxStartups 100",
    ]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def await_port(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as sock:
            if not sock.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.01)
    raise RuntimeError(f"sshd did not start, exit status {server.poll()}")


def why_not() -> str:
    """Why no server of ours can run here; empty where one can."""
    if os.geteuid():
        return "an sshd that lets several users in must be started by root"
    missing = [name for name in ("unshare", "ssh-keygen", "ssh-agent") if not shutil.which(name)]
    if not Path("/usr/sbin/sshd").exists():
        missing.append("sshd")
    return f"{', '.join(missing)} must be installed" if missing else ""
