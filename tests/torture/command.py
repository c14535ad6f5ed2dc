"""
A command of the owner's, run by a process that has imported all of it before.

As such it takes a tenth of the time, and hundreds of them are no matter.
"""

from __future__ import annotations

import multiprocessing
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from cinestream_ops.channel import inventory
from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.channel.ssh import ssh
from cinestream_ops.channel.target import Target
from cinestream_ops.cli import commands, early, fail
from tests.owner.owner import CommandFailed, Owner
from tests.torture.fault import Fault, Stricken

PATIENCE = 400  # seconds
LOADED = ("tests.torture.loaded",)


@dataclass(frozen=True)
class Ended:
    """How a command ended, what it wrote, and the moment that a fault struck at, if one did."""

    code: int
    told: str
    moment: str = ""


@dataclass(frozen=True)
class Opened:
    """A conversation that is opened when the command asks for it, and met by *fault*."""

    target: Target
    fault: Fault | None
    heard: Connection

    def failure(self) -> None:
        return None

    @contextmanager
    def conversation(self) -> Iterator[Conversation]:
        with ssh(self.target, lambda _: False) as streams:
            if self.fault is None:
                yield Conversation(*streams, self.target)
                return
            stricken = Stricken(*streams, self.target)
            stricken.fault, stricken.tell = self.fault, self.heard.send
            yield stricken


def run(owner: Owner, line: str, fault: Fault | None = None) -> Ended:
    """The command in *line*, to its end, whatever that is."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*LOADED])
    ours, theirs = context.Pipe(duplex=False)
    with tempfile.NamedTemporaryFile() as told:
        words = shlex.split(line)
        child = context.Process(
            target=main, args=(owner.environment, words, fault, theirs, told.name), daemon=True
        )
        child.start()
        theirs.close()
        child.join(PATIENCE)
        if child.is_alive():
            child.kill()
            raise CommandFailed(f"`cinestream {line}` hung: {told.read().decode()}")
        # Its end of the pipe is closed by now: what is not there will not come.
        moment = heard(ours)
        assert child.exitcode is not None
        return Ended(child.exitcode, told.read().decode(), moment)


def heard(pipe: Connection) -> str:
    try:
        return str(pipe.recv())
    except EOFError:
        return ""


def succeed(owner: Owner, line: str) -> None:
    ended = run(owner, line)
    if ended.code:
        raise CommandFailed(f"`cinestream {line}` ended with {ended.code}:\n{ended.told}")


def main(
    environment: Mapping[str, str],
    words: list[str],
    fault: Fault | None,
    heard: Connection,
    told: str,
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    with Path(told).open("w") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    target = inventory.resolve("", os.environ)
    early.begun[target] = Opened(target, fault, heard)  # type: ignore[assignment]
    try:
        with (
            fail.telling(words),
            commands.root("cinestream").make_context("cinestream", words) as context,
        ):
            context.command.invoke(context)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
