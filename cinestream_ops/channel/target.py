"""
One server as its owner names it.

Plain data and its spelling: nothing here opens a connection or reads a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv6Address

from cinestream_ops.errors import OpsError

LOCAL = "local"
PROGRAMS = PARAMIKO, OPENSSH = "paramiko", "openssh"
SSH_PORT = 22
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?", re.ASCII)
# Also what an alias in ssh_config may be; never a leading `-`, which programs take for an option.
HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}", re.ASCII)
HINT = "an address is `HOST`, `USER@HOST`, `USER@HOST:PORT` or `USER@[IPV6]:PORT`"


@dataclass(frozen=True)
class Target:
    """
    A server, and what its owner wants at setup.

    An empty *host* is this machine. An empty *user* or a *port* of 0 leaves the word to
    ssh_config; where that is silent too, they are `root` and 22.  *ssh* is who speaks SSH: one of
    `PROGRAMS`, of which `openssh` leaves the user to ssh_config alone.
    """

    name: str
    host: str = ""
    port: int = 0
    user: str = ""
    identity_file: str = ""
    known_hosts: str = ""
    acme_directory: str = ""
    mongodb_archive: str = ""
    mongodb_sha256: str = ""
    ssh: str = ""

    @property
    def local(self) -> bool:
        return not self.host

    @property
    def address(self) -> str:
        """As `parse` reads it and as messages show it."""
        if self.local:
            return "this machine"
        user = f"{self.user}@" if self.user else ""
        return user + (self._with_port if self.port not in {0, SSH_PORT} else self.host)

    @property
    def _with_port(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def spoken(target: Target, program: str) -> Target:
    """*target*, reached by *program* if one is named; raises `OpsError` for what is none."""
    program = program or target.ssh
    if program and program not in PROGRAMS:
        choice = " or ".join(f"`{each}`" for each in PROGRAMS)
        raise OpsError(f"`{program}` does not speak SSH for us", f"`--ssh` takes {choice}")
    return target if target.local else replace(target, ssh=program)


def this_machine() -> Target:
    return Target(LOCAL)


def parse(text: str, name: str = "") -> Target:
    """
    The target at an address, named *name* or else after its host.

    Raises `OpsError` for what is not an address.
    """
    user, _, place = text.rpartition("@")
    if "@" in text and not USER.fullmatch(user):
        raise OpsError(f"`{text}` is not an address: `{user}` is not a user name", HINT)
    host, port = _host_and_port(text, place)
    return Target(name or host, host, port, user)


def named(name: str) -> str:
    """*name*, if a server may have it; raises `OpsError`."""
    if name == LOCAL:
        raise OpsError(f"`{LOCAL}` always means this machine", "choose another name")
    if not NAME.fullmatch(name):
        raise OpsError(
            f"`{name}` is not a server name",
            "server names are letters, digits, `.`, `_` and `-`, and start with a letter or digit",
        )
    return name


def _host_and_port(text: str, place: str) -> tuple[str, int]:
    if place.startswith("["):
        host, _, rest = place[1:].partition("]")
        return _ipv6(text, host), _port(text, rest)
    if place.count(":") > 1:
        return _ipv6(text, place), 0
    host, colon, port = place.partition(":")
    if not HOST.fullmatch(host):
        raise OpsError(f"`{text}` is not an address: `{host}` is not a host", HINT)
    return host, _port(text, colon + port)


def _ipv6(text: str, host: str) -> str:
    try:
        IPv6Address(host)
    except AddressValueError:
        raise OpsError(f"`{text}` is not an address: `{host}` is not IPv6", HINT) from None
    return host


def _port(text: str, rest: str) -> int:
    """The port in `:PORT`, 0 where there is none."""
    if not rest:
        return 0
    digits = rest.removeprefix(":")
    if rest == digits or not re.fullmatch("[0-9]{1,5}", digits) or not 0 < int(digits) < 65536:
        raise OpsError(f"`{text}` is not an address: `{digits}` is not a port", HINT)
    return int(digits)
