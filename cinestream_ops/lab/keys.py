"""
SSH keys, made before the first boot: the server is known from its first second on.
"""

from __future__ import annotations

from pathlib import Path

from cinestream_ops.lab import commands, layer
from cinestream_ops.lab.homes import Home
from cinestream_ops.lab.layer import Layer

USERS = {"root": "/root", "admin": "/home/admin", "nosudo": "/home/nosudo"}

# Not a word on who may log in: that is for the hardening to say.
SSHD = "HostKey /etc/ssh/ssh_host_ed25519_key\nUseDNS no\nMaxStartups 100\n"


def make(home: Home, address: str, disk: Layer) -> None:
    """The owner's key and the server's own, each known to the other side."""
    identity, host_key = pair(home.identity), pair(home.host_key)
    know(home, address)
    for folder in USERS.values():
        layer.put(disk, f"{folder}/.ssh/authorized_keys", f"{identity}\n", 0o600)
    server_key = f"/etc/ssh/{home.host_key.name}"
    layer.put(disk, server_key, home.host_key.read_text(), 0o600)
    layer.put(disk, f"{server_key}.pub", f"{host_key}\n")
    layer.put(disk, "/etc/ssh/sshd_config.d/lab.conf", SSHD)


def know(home: Home, address: str) -> None:
    """The server that answers at *address* is the one with this lab's host key."""
    home.known_hosts.write_text(f"{address} {public(home.host_key)}\n")


def pair(path: Path) -> str:
    """A new key at *path*; its public half, as one line without a comment."""
    commands.output(
        "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "cinestream-lab", "-f", str(path)
    )
    return public(path)


def public(path: Path) -> str:
    """The public half of the key at *path*, without its comment."""
    kind, key, _comment = path.with_name(f"{path.name}.pub").read_text().split()
    return f"{kind} {key}"
