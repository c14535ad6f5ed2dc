"""
Programs whose output is too much to keep: it is read while they run.
"""

from __future__ import annotations

import os
import select
import subprocess
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import BinaryIO, Iterator, Sequence, Union

from cinestream_ops.agent import kit, transient
from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.stops import Stops

PIECE = 1 << 16  # bytes
LIMIT = 12 * 3600  # seconds that one of a site may take in all
QUIET = 120  # seconds that it may say nothing: a process of the site could have stopped it


class Child:
    """A program that was started; it *said* what went wrong to a file, which never fills a pipe."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", errors: BinaryIO, name: str, unit: str = ""
    ) -> None:
        self.process, self._errors = process, errors
        self._name, self._unit = name, unit

    @property
    def out(self) -> BinaryIO:
        assert self.process.stdout is not None
        return self.process.stdout  # type: ignore[return-value]

    def pieces(self, stops: Stops, quiet: float = QUIET) -> Iterator[bytes]:
        """All that it writes; `Refused` if it writes nothing for *quiet* seconds."""
        piece = b"start"
        while piece:
            with stops.allowed():
                piece = self._piece(quiet)
            if piece:
                yield piece

    def _piece(self, quiet: float) -> bytes:
        found, more = b"", b"start"
        while more and len(found) < PIECE:
            if not select.select([self.out], [], [], quiet)[0]:
                raise Refused(f"`{self._name}` came to a stand: it wrote nothing for {quiet:g} s")
            more = os.read(self.out.fileno(), PIECE - len(found))
            found += more
        return found

    def feed(self, pieces: Iterator[bytes], stops: Stops) -> None:
        """Give it all *pieces*; one that hangs up says why at its `end`."""
        assert self.process.stdin is not None
        try:
            for piece in pieces:
                with stops.allowed():
                    self.process.stdin.write(piece)
            self.process.stdin.close()
        except BrokenPipeError:
            self.end()

    def end(self, good: Sequence[int] = (0,)) -> int:
        """Its code, once it is at its end; `Refused` with its last words if that is not *good*."""
        code = (
            transient.code(self._unit, self.process, LIMIT) if self._unit else self.process.wait()
        )
        if code not in good:
            raise Refused(f"`{self._name}` failed ({code}): {self.words()}")
        return code

    def words(self) -> str:
        """The last lines of its troubles, however many somebody else may have added."""
        self._errors.seek(max(self._errors.seek(0, os.SEEK_END) - PIECE, 0))
        return kit.last_lines(self._errors.read(PIECE).decode(errors="replace"))


@contextmanager
def of_site(
    what: str,
    site: str,
    argv: Sequence[str],
    properties: Sequence[str],
    stdin: Union[BinaryIO, int],
) -> Iterator[Child]:
    """*argv* in a unit that does *what* for *site*; nothing of it outlives the block."""
    unit = f"cinestream-{what}-{site}-{os.getpid()}.service"
    try:
        with started(
            transient.somehow(unit, argv, properties, LIMIT), stdin, argv[0], unit
        ) as child:
            yield child
    finally:
        transient.end(unit)


@contextmanager
def started(
    argv: Sequence[str], stdin: Union[BinaryIO, int], name: str = "", unit: str = ""
) -> Iterator[Child]:
    """*argv*, run as we are; it is at its end when the block is."""
    with TemporaryFile() as errors:
        process = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={"PATH": kit.PATH, "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        try:
            yield Child(process, errors, name or argv[0], unit)
        finally:
            kit.end(process)
