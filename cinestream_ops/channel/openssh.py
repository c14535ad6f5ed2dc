"""
The agent on another machine, reached by the owner's own `ssh`.

For keys that it alone can use: on a security key, in an agent, with a certificate.  It checks the
host key, and asks nobody (ssh_config(5), "BatchMode"): what it says when it gives up is the reason.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread, Timer
from typing import IO, Any, BinaryIO, cast

from cinestream_ops.channel import bootstrap
from cinestream_ops.channel.local import FAREWELL
from cinestream_ops.channel.ssh import GATE, LONGEST, NO_PYTHON, PREAMBLE, READY, broken
from cinestream_ops.channel.streams import LAST_WORDS
from cinestream_ops.channel.stub import STUB
from cinestream_ops.channel.target import Target
from cinestream_ops.errors import OpsError, Unreachable
from cinestream_ops.state import paths

Say = Callable[[str], None]

# A connection of its own each time: the second one proves that a firewall still lets us in.
OPTIONS = (
    "BatchMode=yes", "ControlMaster=no", "ControlPath=none", "ClearAllForwardings=yes",
    "RemoteCommand=none", "PermitLocalCommand=no", "ConnectTimeout=15", "ServerAliveInterval=15",
    "LogLevel=INFO",
)  # fmt: skip
WAIT = 120.0  # seconds until the program has begun; somebody may have to touch a key
FAILED = 255  # ssh(1), "EXIT STATUS"
AS_ROOT = 'if [ "$(id -u)" = 0 ]; then exec "$@"; else exec sudo -n "$@"; fi'
# What `ssh` says, what that means, and what to do.
REASONS = {
    "Permission denied": (
        "did not let `ssh` in",
        "`ssh {address} true` must work and ask nothing: load the key into your agent",
    ),
    "IDENTIFICATION HAS CHANGED": (
        "shows another host key than before",
        "if the server was set up anew, `ssh-keygen -R {host}` forgets the old key",
    ),
    "Host key verification failed": (
        "has a host key that `ssh` does not know",
        "`ssh {address} true` shows it, and asks you whether it is right",
    ),
}


@contextmanager
def openssh(
    target: Target,
    *,
    say: Say = lambda _: None,
    python: str = "python3",
    home: str = paths.HOME,
    argv: Sequence[str] = (),
    **_: Any,
) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """
    The agent's inbox and outbox on *target*, for as long as the block lasts.

    *say* hears what takes its time; *argv* is the program, the agent unless it is given.  Raises
    `Unreachable`, or `OpsError` where there is no `ssh`.
    """
    program = begin(target, argv or [python, "-I", "-S", "-c", STUB, home], say)
    try:
        yield program.outbox, program.inbox
    except (EOFError, OSError, Unreachable) as error:
        if broken(error):
            raise program.lost() from error
        raise
    finally:
        program.end(FAREWELL)


class Program:
    """A program on the server at the other end of `ssh`, and what that last said."""

    def __init__(self, target: Target, argv: Sequence[str], say: Say) -> None:
        self.target, self._say = target, say
        self._said = b""
        try:
            self.child = subprocess.Popen(
                [*command(target), shlex.join(["sh", "-c", AS_ROOT, "cinestream", *argv])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Ctrl-C is for the controller, whose hanging up is what the agent obeys.
                start_new_session=True,
            )
        except FileNotFoundError:
            raise OpsError(
                "there is no `ssh` on this machine", "install OpenSSH, or use `--ssh paramiko`"
            ) from None
        self.outbox = cast("BinaryIO", self.child.stdin)
        self.inbox = cast("BinaryIO", self.child.stdout)
        self._ear = Thread(target=self._listen, args=(self.child.stderr,), daemon=True)
        self._ear.start()

    def _listen(self, stderr: IO[bytes]) -> None:
        with stderr:
            for line in iter(lambda: stderr.readline(LONGEST), b""):
                self._said = (self._said + line)[-LAST_WORDS:]
                if b"Confirm user presence" in line:
                    self._say(line.decode(errors="replace").strip())

    def words(self) -> str:
        """Complete once `ssh` has ended; waits a second for that."""
        self._ear.join(1)
        return self._said.decode(errors="replace").strip()

    def lost(self) -> Unreachable:
        said = self.words().splitlines()
        why = f": {said[-1]}" if said else ""
        hint = "run the command again: what was left unfinished is undone first"
        return Unreachable(f"`{self.target.address}` ended the conversation{why}", hint)

    def end(self, patience: float) -> int:
        """Its end of file, and then a while for it to tidy up and go: its exit status, or -1."""
        with suppress(OSError):
            self.outbox.close()
        self.inbox.close()
        try:
            return self.child.wait(patience)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            return -1


def command(target: Target) -> list[str]:
    """`ssh` up to the command; what *target* does not say is left to ssh_config."""
    options = [f"-o{each}" for each in OPTIONS]
    if target.known_hosts:
        options += [f'-oUserKnownHostsFile="{target.known_hosts}"', "-oStrictHostKeyChecking=yes"]
    if target.identity_file:
        options += ["-oIdentitiesOnly=yes", "-i", target.identity_file]
    options += ["-p", str(target.port)] if target.port else []
    options += ["-l", target.user] if target.user else []
    return ["ssh", "-T", "-x", "-a", *options, "--", target.host]


def begin(target: Target, argv: Sequence[str], say: Say) -> Program:
    """The program under way, Python installed first where there is none."""
    gated = ["sh", "-c", GATE, "cinestream", *argv]
    program = Program(target, gated, say)
    if preamble(program) == NO_PYTHON:
        program.end(WAIT)
        bootstrap.install_python(
            lambda words, wait: run(target, words, wait, say), target.address, say
        )
        program = Program(target, gated, say)
        preamble(program)
    return program


def run(target: Target, argv: Sequence[str], wait: float, say: Say) -> tuple[int, str]:
    """One command as root: its exit status, and the last of what it said, in *wait* seconds."""
    program = Program(target, argv, say)
    end = Timer(wait, program.child.kill)
    end.start()
    with suppress(OSError):
        program.outbox.close()
    while program.inbox.read(LONGEST):
        pass
    end.cancel()
    return program.end(1), program.words()


def preamble(program: Program) -> str:
    """Reads up to the gate's word, and returns it; raises `Unreachable` if it never comes."""
    late = Timer(WAIT, program.child.kill)
    late.start()
    said: list[str] = []
    try:
        for line in iter(lambda: program.inbox.readline(LONGEST), b""):
            said.append(line.decode(errors="replace").strip())
            if said[-1] in {READY, NO_PYTHON}:
                return said[-1]
            if len(said) > PREAMBLE:
                break
    finally:
        late.cancel()
    raise never_began(program, said)


def never_began(program: Program, said: Sequence[str]) -> Unreachable:
    code, words = program.end(1), program.words()
    address = program.target.address
    lines = [line for line in (*said, *words.splitlines()) if line.strip()]
    last = (lines or [f"exit status {code}"])[-1]
    if re.search("^sudo:", words, re.MULTILINE):
        hint = "`sudo -n true` must work there without a password; or log in as root"
        return Unreachable(f"`{address}` may not use sudo: {last}", hint)
    for sign, (what, hint) in REASONS.items():
        if code == FAILED and sign in words:
            told = hint.format(address=address, host=program.target.host)
            return Unreachable(f"`{address}` {what}: {last}", told)
    if code == FAILED:
        why = f"`ssh` could not reach `{address}`: {last}"
        return Unreachable(why, f"try `ssh {address} true`")
    why = f"`{address}` let us in and ran nothing: {last}"
    return Unreachable(why, f"`ssh {address} true` must work, and say nothing")
