"""
Files on another machine, over one SSH connection.

Asks through callbacks, as `channel.ssh` does; it decides nothing about the files.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cinestream_ops.channel.library import load_paramiko
from cinestream_ops.channel.link import Link
from cinestream_ops.channel.ssh import Ask, AskPassphrase, as_root, linked
from cinestream_ops.channel.target import Target
from cinestream_ops.errors import Unreachable

if TYPE_CHECKING:
    from paramiko import SFTPClient

WAIT = 30.0  # seconds to begin
PATIENCE = 120.0  # seconds that one answer may take
# Where the package `openssh-sftp-server` of Debian and Ubuntu has it.
SERVER = "/usr/lib/openssh/sftp-server"


@contextmanager
def sftp(
    target: Target, ask: Ask, passphrase: AskPassphrase, *, root: bool = False
) -> Iterator[SFTPClient]:
    """
    The files of *target* as its user sees them, or as *root*, who may have to be asked by sudo.

    Raises `Unreachable` and its kinds.
    """
    link = linked(target, ask, passphrase)
    try:
        yield begun(link, root=root)
    finally:
        link.close()


def begun(link: Link, *, root: bool) -> SFTPClient:
    paramiko = load_paramiko()
    try:
        channel = link.transport.open_session(timeout=WAIT)
        channel.settimeout(PATIENCE)
        if root:
            channel.exec_command(f"exec {shlex.join(as_root(link, [SERVER]))}")
        else:
            channel.invoke_subsystem("sftp")
        return paramiko.SFTPClient(channel)  # type: ignore[no-any-return]
    except (paramiko.SSHException, OSError, EOFError):
        raise Unreachable(
            f"`{link.hop.login}` let us in and offers no SFTP",
            f"`sftp {link.hop.login}` must work: see `Subsystem sftp` in its `sshd_config`",
        ) from None
