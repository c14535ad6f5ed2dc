"""
Programs whose output is too much to keep: it is read while they run.
"""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import BinaryIO, Iterator, List, Optional, Sequence

from cinestream_ops.agent import kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.stops import Stops

PIECE = 1 << 16  # bytes


class Child:
    """A program that was started; it *said* what went wrong to a file, which never fills a pipe."""

    def __init__(self, process: "subprocess.Popen[bytes]", errors: BinaryIO) -> None:
        self.process, self._errors = process, errors

    @property
    def out(self) -> BinaryIO:
        assert self.process.stdout is not None
        return self.process.stdout  # type: ignore[return-value]

    def pieces(self, stops: Stops) -> Iterator[bytes]:
        piece = b"start"
        while piece:
            with stops.allowed():
                piece = self.out.read(PIECE)
            if piece:
                yield piece

    def end(self, good: Sequence[int] = (0,)) -> int:
        """Its code, once it is at its end; `Refused` with its last words if that is not *good*."""
        code = self.process.wait()
        if code not in good:
            self._errors.seek(0)
            words = kit.last_lines(self._errors.read().decode(errors="replace"))
            raise Refused(f"`{program(self.process)}` failed ({code}): {words}")
        return code


def program(process: "subprocess.Popen[bytes]") -> str:
    argv: List[str] = list(process.args)  # type: ignore[arg-type]
    return argv[0]


@contextmanager
def started(argv: Sequence[str], stdin: BinaryIO, user: Optional[str] = None) -> Iterator[Child]:
    """*argv*, run as *user*; it is at its end when the block is."""
    with TemporaryFile() as errors:
        process = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={"PATH": kit.PATH, "LC_ALL": "C.UTF-8"},
            start_new_session=True,
            **kit.account(user),
        )
        try:
            yield Child(process, errors)
        finally:
            kit.end(process)
