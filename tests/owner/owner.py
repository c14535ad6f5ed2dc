"""
An owner at a terminal: types `cinestream`, reads what it says, and looks at the server.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cinestream_ops import lab

PATIENCE = 400  # seconds that the longest command may take
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Said:
    """What a command left: its exit code, its data, and what it told."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


class CommandFailed(AssertionError):
    """The command that was to succeed, with everything it said."""


@dataclass(frozen=True)
class Owner:
    """An owner with an inventory of their own, working on the server *server*."""

    home: Path
    server: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG"}}
        server = {"CINESTREAM_SERVER": self.server} if self.server else {}
        return {**kept, "HOME": str(self.home), "COLUMNS": "100", **server, **self.extra}

    def start(self, line: str) -> subprocess.Popen[str]:
        """The command in *line*, running."""
        return subprocess.Popen(
            [sys.executable, "-m", "cinestream_ops", *shlex.split(line)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environment, "PYTHONPATH": str(ROOT)},
        )

    def tries(self, line: str, told: str = "") -> Said:
        """What came of the command in *line*, whatever it was; *told* is typed into it."""
        process = self.start(line)
        try:
            out, err = process.communicate(told, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise CommandFailed(f"`cinestream {line}` hung: {process.communicate()}") from None
        return Said(process.returncode, out, err)

    def types(self, line: str, told: str = "") -> Said:
        """What the command in *line* said; it must succeed."""
        said = self.tries(line, told)
        if said.code:
            raise CommandFailed(
                f"`cinestream {line}` ended with {said.code}:\n{said.err}{said.out}"
            )
        return said


@dataclass(frozen=True)
class Host:
    """The server itself, seen by its root, past everything cinestream says of it."""

    lab: lab.Lab

    def tries(self, *argv: str, told: bytes | None = None) -> subprocess.CompletedProcess[str]:
        command = lab.ssh_argv(self.lab, [shlex.join(argv)])
        return subprocess.run(
            command,
            input=told and told.decode(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def runs(self, *argv: str) -> str:
        done = self.tries(*argv)
        assert not done.returncode, f"{argv}: {done.stderr}{done.stdout}"
        return done.stdout.strip()

    def sh(self, script: str) -> str:
        return self.runs("sh", "-c", script)

    @contextmanager
    def meanwhile(self, script: str, undo: str) -> Iterator[None]:
        """*script* has been run for the block; *undo* is run after it, however it ends."""
        self.sh(script)
        try:
            yield
        finally:
            self.sh(undo)

    def workers(self, site: str) -> dict[int, int]:
        """The process of each active worker, by port."""
        told = self.runs(
            "systemctl", "show", "-p", "Id,MainPID", "--state=active", f"{site}@*.service"
        )
        blocks = [
            dict(line.split("=", 1) for line in block.splitlines())
            for block in told.split("\n\n")
            if block
        ]
        return {
            int(block["Id"].partition("@")[2].removesuffix(".service")): int(block["MainPID"])
            for block in blocks
        }

    def get(self, name: str, path: str = "/", *options: str) -> tuple[int, str]:
        """Status and body of a page, asked of nginx by a visitor on the server itself."""
        told = self.runs(
            "curl", "--silent", "--max-time", "20", "--write-out", "\n%{http_code}", *options,
            "--header", f"Host: {name}", f"http://127.0.0.1{path}",
        )  # fmt: skip
        body, _, status = told.rpartition("\n")
        return int(status), body
