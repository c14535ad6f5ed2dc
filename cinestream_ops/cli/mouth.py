"""
The one mouth: nothing reaches the owner's terminal but through here.

What is told comes from servers, sites, packages and processes, and a terminal obeys what it is
sent (ECMA-48): it may be made to lie, to answer, to fill the clipboard.  So whatever is no letter
is spelled out.  ruff keeps all other code from stdout and stderr (`banned-api` in pyproject.toml).
"""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from getpass import getpass
from typing import Any, TextIO

OUT, ERR = "out", "err"  # data, and what is told to the person who looks on
CLEAR = "\033[H\033[2J"
RESET = "\033[0m"
# Letters to Unicode, and nothing to the eye (Default_Ignorable_Code_Point, and an empty Braille).
UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\U000e0100-\U000e01ef]"
)
# What a program says that stands on a terminal of its own: colours (SGR), and the start of a line.
COLOURS = re.compile(r"(\x1b\[[0-9;:]{0,64}m|[\t\r])")
UNFINISHED = re.compile(r"\x1b(?:\[[0-9;:]{0,64})?\Z")


def visible(text: str) -> str:
    """*text* as one line that a terminal only shows: what is no letter, spelled as in Python."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(spelled, text))


def spelled(letter: str) -> str:
    plain = letter == "\t" or (letter.isprintable() and not UNSEEN.match(letter))
    return letter if plain else ascii(letter)[1:-1]


def lines(text: str) -> list[str]:
    """Those of *text*, each of them visible."""
    return [visible(each.removesuffix("\r")) for each in text.split("\n")]


def as_json(value: Any, indent: int | None = None) -> str:
    """*value* as JSON, which has escapes of its own for what is no letter (RFC 8259, section 7)."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=str)
    return "".join(each if each == "\n" else in_json(each) for each in text)


def in_json(letter: str) -> str:
    return letter if spelled(letter) == letter else json.dumps(letter)[1:-1]


def put(to: str, text: str, *, mark: str = "") -> None:
    """*text* as a line, behind a *mark* of our own."""
    write(to, f"{mark}{visible(text)}\n")


def ask(question: str) -> None:
    write(ERR, f"{visible(question)} ")


def ask_unseen(question: str) -> str:
    """What is typed, which nobody sees."""
    return getpass(f"{visible(question)}: ", stream=stream(ERR))


def clear() -> None:
    if on_terminal(OUT):
        write(OUT, CLEAR)


def write(to: str, text: str) -> None:
    """*text* as it is; letters that the terminal's encoding has not are spelled out."""
    out = stream(to)
    encoding = out.encoding or "utf-8"
    with read(out):
        out.write(text.encode(encoding, "backslashreplace").decode(encoding))
        out.flush()


def raw(to: str, piece: bytes) -> None:
    """*piece* as it is, for another program to read."""
    out = stream(to)
    with read(out):
        out.flush()
        out.buffer.write(piece)
        out.buffer.flush()


def stream(to: str) -> TextIO:
    return sys.stdout if to == OUT else sys.stderr


def on_terminal(to: str) -> bool:
    return stream(to).isatty()


def coloured(to: str) -> bool:
    return on_terminal(to) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def console(to: str) -> Any:
    """Where rich draws on a terminal; what it is given to draw is `visible` already."""
    from rich.console import Console

    return Console(file=stream(to), markup=False, emoji=False, highlight=False)


@contextmanager
def read(out: TextIO) -> Iterator[None]:
    """Leave when nobody reads *out* any more."""
    try:
        yield
    except BrokenPipeError:
        # Whoever read it has enough; the interpreter must not stumble over the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        raise SystemExit(1) from None


class Speech:
    """
    What a program says on one stream, in pieces.

    A terminal obeys nothing of it but colours, and gets its own back at the end; for another
    program, which reads a pipe or a file, it is the bytes that they were.
    """

    def __init__(self, to: str) -> None:
        self._to, self._shown = to, on_terminal(to)
        self._decode: Callable[..., str] = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""
        self._painted = False

    def heard(self, piece: bytes, *, last: bool = False) -> None:
        if not self._shown:
            raw(self._to, piece)
            return
        text = self._rest + self._decode(piece, last)
        cut = None if last else UNFINISHED.search(text)
        self._rest = text[cut.start() :] if cut else ""
        self._show(text[: cut.start()] if cut else text)

    def ended(self) -> None:
        self.heard(b"", last=True)
        if self._painted:
            write(self._to, RESET)

    def _show(self, text: str) -> None:
        self._painted |= "\x1b[" in text
        write(self._to, "\n".join(map(paint, text.split("\n"))))


def paint(line: str) -> str:
    """*line*, of which colours stay as they are."""
    pieces = COLOURS.split(line)
    return "".join(each if at % 2 else visible(each) for at, each in enumerate(pieces))
