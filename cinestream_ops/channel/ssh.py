"""
The agent on another machine, over one SSH connection.

Yields the same two streams as a local agent does; it asks through callbacks, never by itself.
"""

from __future__ import annotations

import io
import re
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, cast

from cinestream_ops.channel import bootstrap, hostkeys
from cinestream_ops.channel.hostkeys import Unvouched
from cinestream_ops.channel.library import load_paramiko
from cinestream_ops.channel.link import Link, connect
from cinestream_ops.channel.local import FAREWELL
from cinestream_ops.channel.login import LockedKey
from cinestream_ops.channel.streams import BUFFER, Inbound, LastWords, Outbound
from cinestream_ops.channel.stub import STUB
from cinestream_ops.channel.target import Target
from cinestream_ops.errors import UnknownHostKey, Unreachable
from cinestream_ops.state import paths

if TYPE_CHECKING:
    from paramiko import Channel

Ask = Callable[[UnknownHostKey], bool]
AskPassphrase = Callable[[str], str | None]
Say = Callable[[str], None]

READY = "cinestream: ready"
NO_PYTHON = "cinestream: no program"
# Says so when the program begins, so that all that a login shell prints before is no frame, and
# whatever stands in the way is known before the first frame is sent.
GATE = f"""command -v "$1" >/dev/null || {{ echo {shlex.quote(NO_PYTHON)}; exit 127; }}
echo {shlex.quote(READY)}; exec "$@\""""
PREAMBLE = 500  # lines
LONGEST = 8192  # bytes of one of them
# What cloud-init puts before root's keys: it answers so, and ends the session.
OTHER_USER = re.compile(r"""log\s?in as the user "?([a-z_][a-z0-9_-]{0,31})\b""")
WAIT = 30.0  # seconds for the program to begin
PATIENCE = 5.0  # seconds
PASSPHRASES = 3


@contextmanager
def ssh(
    target: Target,
    ask: Ask,
    *,
    passphrase: AskPassphrase = lambda _: None,
    say: Say = lambda _: None,
    python: str = "python3",
    home: str = paths.HOME,
    argv: Sequence[str] = (),
) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """
    The agent's inbox and outbox on *target*, for as long as the block lasts.

    *ask* is shown a host key nobody has vouched for; *passphrase* is given the path of a locked
    key; *say* hears what takes its time; *argv* is the program, the agent unless it is given.
    Raises `Unreachable` and its kinds.
    """
    link = linked(target, ask, passphrase)
    try:
        remote = begin(link, argv or _agent(python, home), say)
        try:
            yield remote.outbox, remote.inbox
        except (EOFError, OSError, Unreachable) as error:
            if broken(error):
                raise remote.lost() from error
            raise
        finally:
            remote.end()
    finally:
        link.close()


def linked(target: Target, ask: Ask, passphrase: AskPassphrase) -> Link:
    """
    A link, after the questions that it takes.

    Each answer begins anew: a person thinks for longer than sshd keeps a door open, and the
    second time the key is checked against what was recorded.
    """
    passphrases: dict[str, str] = {}
    asked = 0
    while True:
        try:
            return connect(target, passphrases)
        except Unvouched as unknown:
            if not ask(unknown):
                raise
            hostkeys.record(unknown)
        except LockedKey as locked:
            asked += 1
            if asked > PASSPHRASES or not (words := passphrase(locked.path)):
                raise
            passphrases[locked.path] = words


class Remote:
    """A program on the server: its two streams, and what it last said on its stderr."""

    def __init__(self, link: Link, command: str) -> None:
        self.link = link
        self.channel = _channel(link, command)
        self._words = LastWords(self.channel)
        self.outbox = cast("BinaryIO", io.BufferedWriter(Outbound(self.channel), BUFFER))
        self.inbox = cast("BinaryIO", io.BufferedReader(Inbound(self.channel), BUFFER))

    def lost(self) -> Unreachable:
        """Why the conversation broke off, as far as can be known."""
        said = self._words.text().splitlines()
        why = f": {said[-1]}" if said else ""
        hint = "run the command again: what was left unfinished is undone first"
        return Unreachable(f"`{self.link.hop.login}` ended the conversation{why}", hint)

    def words(self) -> str:
        return self._words.text()

    def end(self) -> int:
        """Its end of file, and then a while for it to tidy up and go: its exit status, or -1."""
        try:
            # Half a frame may be left over that a program which stopped reading will never take.
            self.channel.settimeout(PATIENCE)
            with suppress(OSError):
                self.outbox.close()
            return status(self.channel, FAREWELL)
        except TimeoutError:
            return -1
        finally:
            self.channel.close()


def broken(error: BaseException) -> bool:
    """Whether *error* tells of a stream that ended, at first hand or at second."""
    return any(isinstance(each, (EOFError, BrokenPipeError)) for each in (error, error.__cause__))


def begin(link: Link, argv: Sequence[str], say: Say) -> Remote:
    """The program under way, Python installed first where there is none."""
    command = shlex.join(as_root(link, ["sh", "-c", GATE, "cinestream", *argv]))
    remote = Remote(link, command)
    if preamble(remote) == NO_PYTHON:
        remote.end()
        bootstrap.install_python(partial(run, link), link.hop.login, say)
        remote = Remote(link, command)
        preamble(remote)
    return remote


def preamble(remote: Remote) -> str:
    """Reads up to the gate's word, and returns it; raises `Unreachable` if it never comes."""
    said: list[str] = []
    end = time.monotonic() + WAIT
    with suppress(TimeoutError):
        for _ in range(PREAMBLE):
            remote.channel.settimeout(max(end - time.monotonic(), 0.01))
            line = remote.inbox.readline(LONGEST)
            if not line:
                break
            said.append(line.decode(errors="replace").strip())
            if said[-1] in {READY, NO_PYTHON}:
                remote.channel.settimeout(None)
                return said[-1]
    raise never_began(remote, said)


def never_began(remote: Remote, said: Sequence[str]) -> Unreachable:
    user, code = remote.link.hop.user, remote.end()
    words = remote.words()
    # The exit status alone is not enough: a shell that fails to start has the same one.
    if user != "root" and code == 1 and re.search("^sudo:", words, re.MULTILINE):
        return no_sudo(user)
    if user != "root" and code == bootstrap.MISSING:
        hint = "log in as `root`, or install `sudo` there"
        return Unreachable(f"`{user}` is not root, and the server has no `sudo`", hint)
    lines = [line for line in (*said, *words.splitlines()) if line.strip()]
    last = (lines or [f"exit status {code}"])[-1]
    login = remote.link.hop.login
    if other := OTHER_USER.search("\n".join(lines)):
        return Unreachable(
            f"`{login}` let us in and ran nothing: {last}",
            f"log in as `{other[1]}`: `{other[1]}@{remote.link.hop.host}` is its address",
        )
    return Unreachable(
        f"`{login}` let us in and ran nothing: {last}",
        f"`ssh {login} true` must work, and say nothing",
    )


def no_sudo(user: str) -> Unreachable:
    return Unreachable(
        f"`{user}` may not use sudo without a password",
        f"put the line `{user} ALL=(ALL) NOPASSWD: ALL` into `/etc/sudoers.d/{user}` there",
    )


def run(link: Link, argv: Sequence[str], wait: float) -> tuple[int, str]:
    """One command as root: its exit status, and the last of what it said, in *wait* seconds."""
    channel = _channel(link, shlex.join(as_root(link, argv)))
    words = LastWords(channel)
    try:
        channel.shutdown_write()
        return status(channel, wait), words.text()
    except TimeoutError:
        return -1, f"it took more than {wait:.0f} seconds"
    finally:
        channel.close()


def status(channel: Channel, wait: float) -> int:
    """The exit status, -1 without one; discards what is still written. Raises `TimeoutError`."""
    deadline = time.monotonic() + wait
    while True:
        channel.settimeout(max(deadline - time.monotonic(), 0.01))
        if not channel.recv(BUFFER):
            break
        if time.monotonic() > deadline:
            raise TimeoutError
    if not channel.status_event.wait(max(deadline - time.monotonic(), 0.01)):
        raise TimeoutError
    return channel.exit_status


def as_root(link: Link, argv: Sequence[str]) -> list[str]:
    return [*argv] if link.hop.user == "root" else ["sudo", "-n", *argv]


def _channel(link: Link, command: str) -> Channel:
    paramiko = load_paramiko()
    try:
        channel = link.transport.open_session(timeout=WAIT)
        # `exec`, or some login shells would wait beside the program and speak at its end.
        channel.exec_command(f"exec {command}")
    except (paramiko.SSHException, OSError, EOFError) as error:
        why = f"`{link.hop.login}` let us in and would not run a program: {error}"
        raise Unreachable(
            why, "does its `sshd_config` force a command, or forbid sessions?"
        ) from None
    return channel


def _agent(python: str, home: str) -> list[str]:
    return [python, "-I", "-S", "-c", STUB, home]
