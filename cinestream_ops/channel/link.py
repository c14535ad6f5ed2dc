"""
One authenticated SSH connection, over as many jump hosts as it takes.

Never asks: what only the owner can answer is raised (`Unvouched`, `LockedKey`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from socket import SHUT_RDWR, socket
from typing import TYPE_CHECKING

from cinestream_ops.channel.dial import dial
from cinestream_ops.channel.hostkeys import HostKey
from cinestream_ops.channel.library import load_paramiko
from cinestream_ops.channel.login import log_in
from cinestream_ops.channel.route import Hop, route
from cinestream_ops.channel.target import Target
from cinestream_ops.errors import Unreachable

if TYPE_CHECKING:
    from paramiko import Channel, Transport

WAIT = 15.0  # seconds for the greeting, and again for the key exchange
KEEPALIVE = 15  # seconds
WINDOW = 16 * 1024 * 1024  # bytes on their way to us before the server waits for our word
# Galois/Counter Mode first: it authenticates as it encrypts, where the others take a second pass.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr")
RSA = ("rsa-sha2-512", "rsa-sha2-256")  # RFC 8332: one key, two names


@dataclass(frozen=True)
class Link:
    """A server that let us in; closed by `close`, with everything on the way to it."""

    hop: Hop
    transport: Transport
    stack: ExitStack

    def close(self) -> None:
        self.stack.close()


def connect(target: Target, passphrases: Mapping[str, str]) -> Link:
    """Raises `Unreachable` or a kind of it; *passphrases* are by key file."""
    hops = route(target)
    with ExitStack() as stack:
        transport: Transport | None = None
        for hop in hops:
            sock = tunnel(transport, hop) if transport else dial(hop, stack)
            transport = greeted(sock, hop, stack)
            log_in(transport, hop, passphrases)
            transport.set_keepalive(KEEPALIVE)
        assert transport
        return Link(hops[-1], transport, stack.pop_all())


def tunnel(transport: Transport, hop: Hop) -> Channel:
    """A connection to *hop* from the jump host at the other end of *transport*."""
    paramiko = load_paramiko()
    try:
        return transport.open_channel(
            "direct-tcpip", (hop.host, hop.port), ("127.0.0.1", 0), timeout=WAIT
        )
    except paramiko.ChannelException as error:
        raise Unreachable(
            f"the jump host could not connect to `{hop.place}`: {error.text}",
            "try it from there; it may also forbid `AllowTcpForwarding`",
        ) from None
    except (paramiko.SSHException, OSError, EOFError):
        raise Unreachable(f"the jump host hung up on the way to `{hop.place}`") from None


def greeted(sock: socket | Channel, hop: Hop, stack: ExitStack) -> Transport:
    """An encrypted connection to the very server that *hop* means."""
    paramiko = load_paramiko()
    transport: Transport = paramiko.Transport(sock, default_window_size=WINDOW)
    stack.callback(hang_up, transport)
    transport.banner_timeout = transport.auth_timeout = WAIT
    _prefer(transport, hop)
    try:
        transport.start_client(timeout=WAIT)
    except paramiko.IncompatiblePeer as error:
        raise Unreachable(f"`{hop.place}` and this machine share no algorithm: {error}") from None
    except (paramiko.SSHException, OSError, EOFError):
        raise Unreachable(*_not_ssh(hop)) from None
    key = transport.get_remote_server_key()
    hop.known_hosts.check(hop.known_as, HostKey(key.get_name(), key.asbytes()))
    return transport


def _not_ssh(hop: Hop) -> tuple[str, str]:
    if hop.proxy_command:
        return (
            f"the way to `{hop.place}` through `{hop.proxy_command}` did not open",
            "run that command by hand: it must answer with a line that begins with `SSH-2.0-`",
        )
    return (
        f"`{hop.place}` does not speak SSH, or hung up before it did",
        "is the port right? sshd also hangs up on machines that it has banned",
    )


def _prefer(transport: Transport, hop: Hop) -> None:
    """Key types on record first, so that a server shows the key that can be compared."""
    options = transport.get_security_options()
    options.ciphers = CIPHERS
    known = {entry.key.type for entry in hop.known_hosts.entries(hop.known_as)}
    wanted = known | set(RSA) if "ssh-rsa" in known else known
    options.key_types = tuple(sorted(options.key_types, key=lambda each: each not in wanted))


def hang_up(transport: Transport) -> None:
    # Its thread reads with a timeout: woken by the shutdown, it does not sit that out.
    with suppress(OSError, EOFError):
        transport.sock.shutdown(SHUT_RDWR)
    transport.close()
    transport.join(1)
