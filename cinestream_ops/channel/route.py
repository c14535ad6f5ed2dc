"""
The way to a server: its own address and the jump hosts before it.

What the target says, then ssh_config, then the defaults; nothing here opens a connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cinestream_ops.channel import ssh_config
from cinestream_ops.channel.hostkeys import KnownHosts
from cinestream_ops.channel.library import load_paramiko
from cinestream_ops.channel.target import SSH_PORT, Target, parse
from cinestream_ops.errors import OpsError

KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
KNOWN = "~/.ssh/known_hosts"
KNOWN_TO_ALL = "/etc/ssh/ssh_known_hosts"
MOST_HOPS = 8


@dataclass(frozen=True)
class Hop:
    """One SSH server on the way, with everything that meeting it takes."""

    host: str
    port: int
    user: str
    identities: tuple[str, ...]
    only_these: bool
    named: bool
    known_hosts: KnownHosts
    alias: str = ""
    proxy_command: str = ""

    @property
    def place(self) -> str:
        """As sentences show it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def login(self) -> str:
        return f"{self.user}@{self.host}" if self.port == SSH_PORT else f"{self.user}@{self.place}"

    @property
    def known_as(self) -> str:
        """As known_hosts files spell it."""
        if self.alias:
            return self.alias
        return self.host if self.port == SSH_PORT else f"[{self.host}]:{self.port}"


def route(target: Target) -> tuple[Hop, ...]:
    """The jump hosts in order, then the server. Raises `OpsError`."""
    try:
        text = ssh_config.text()
    except (NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise OpsError(f"ssh_config cannot be read: {error}") from None
    paramiko = load_paramiko(match_exec="exec" in text)
    try:
        return _hops(target, text, MOST_HOPS)
    # Of an odd line the library raises whatever comes of it: there is no telling beforehand.
    except (
        paramiko.ConfigParseError,
        paramiko.CouldNotCanonicalize,
        *(ArithmeticError, AttributeError, ImportError, LookupError, OSError, RecursionError),
        *(RuntimeError, TypeError, ValueError),
    ) as error:
        raise OpsError(
            f"ssh_config cannot be read: {error}", "`ssh -G HOST` shows how `ssh` reads it"
        ) from None


def _hops(target: Target, text: str, left: int) -> tuple[Hop, ...]:
    if not left:
        raise OpsError(f"the way to `{target.host}` has more than {MOST_HOPS} jump hosts")
    words = _words(target, text)
    jumps = [] if (jump := words.get("proxyjump", "none")) == "none" else jump.split(",")
    before: tuple[Hop, ...] = ()
    for number, each in enumerate(jumps):
        there = parse(each.strip().removeprefix("ssh://"))
        # As ssh does: only the first of several is reached over jump hosts of its own.
        before += _hops(there, text, left - 1)[-1 if number else 0 :]
    return (*before, _hop(target, words, jumped=bool(jumps)))


def _words(target: Target, text: str) -> Mapping[str, Any]:
    """What ssh_config says; the target's own words first, so that `%p` and `%r` mean them too."""
    said = {"Port": target.port, "User": target.user}
    first = "".join(f"{key} {value}\n" for key, value in said.items() if value)
    last = f"\nHost *\nPort {SSH_PORT}\nUser root\n"
    config = load_paramiko().SSHConfig.from_text(first + text + last)
    return cast("Mapping[str, Any]", config.lookup(target.host))


def _hop(target: Target, words: Mapping[str, Any], jumped: bool) -> Hop:
    command = words.get("proxycommand") or "none"
    return Hop(
        host=words["hostname"],
        port=int(words["port"]),
        user=words["user"],
        identities=_identities(target, words),
        only_these=bool(target.identity_file) or words.get("identitiesonly") == "yes",
        named=bool(target.identity_file),
        known_hosts=_known_hosts(target, words),
        alias=words.get("hostkeyalias", ""),
        proxy_command="" if jumped or command == "none" else command,
    )


def _identities(target: Target, words: Mapping[str, Any]) -> tuple[str, ...]:
    named = [target.identity_file] if target.identity_file else words.get("identityfile", ())
    return _expanded(named or [f"~/.ssh/{key}" for key in KEYS])


def _known_hosts(target: Target, words: Mapping[str, Any]) -> KnownHosts:
    hashed = words.get("hashknownhosts") == "yes"
    if target.known_hosts:
        return KnownHosts(_expanded([target.known_hosts]), hashed)
    own = words.get("userknownhostsfile", KNOWN).split()
    everybody = words.get("globalknownhostsfile", KNOWN_TO_ALL).split()
    return KnownHosts(_expanded([*own, *everybody]), hashed)


def _expanded(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(Path(path).expanduser()) for path in paths)
