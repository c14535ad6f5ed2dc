"""
How a command speaks: data to stdout, everything else to stderr.

Colour never carries meaning alone, and rich is imported only where a terminal can show it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, TextIO

RED, YELLOW, CYAN = "31", "33", "36"
MOST = 8  # names in a sentence
KIB, MIB = 1 << 10, 1 << 20


def say(text: str = "") -> None:
    """A line for the person who looks on."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def error(what: str, hint: str = "") -> None:
    say(f"{painted('error:', RED)} {what}")
    hints(hint)


def warning(what: str, hint: str = "") -> None:
    say(f"{painted('warning:', YELLOW)} {what}")
    hints(hint)


def hints(hint: str) -> None:
    if hint:
        say(f"{painted('hint:', CYAN)} {hint}")


def painted(word: str, colour: str) -> str:
    return f"\033[1;{colour}m{word}\033[0m" if coloured(sys.stderr) else word


def coloured(stream: IO[str]) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def line(text: str = "") -> None:
    """A line of data."""
    with read(sys.stdout):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def raw(stream: TextIO, piece: bytes) -> None:
    """*piece* as it is, to stdout or stderr."""
    with read(stream):
        stream.flush()
        stream.buffer.write(piece)
        stream.buffer.flush()


@contextmanager
def read(stream: TextIO) -> Iterator[None]:
    """Leave when nobody reads *stream* any more."""
    try:
        yield
    except BrokenPipeError:
        # Whoever read it has enough; the interpreter must not stumble over the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise SystemExit(1) from None


def data(value: Any) -> None:
    """*value* as JSON."""
    line(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def rows(
    found: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, as_json: bool = False
) -> None:
    """*found* as a table with *columns* (a heading by each key), or as the JSON it is."""
    if as_json:
        data(list(found))
        return
    table(
        list(columns.values()),
        [[word(each.get(key)) for key in columns] for each in found],
    )


def word(value: Any) -> str:
    """*value* as it stands in a table."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value.replace("\n", " ")
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={word(each)}" for key, each in value.items()) or "-"
    if isinstance(value, Iterable):
        return ", ".join(map(word, value)) or "-"
    return str(value)


def few(names: Sequence[str]) -> str:
    """*names*, but for those that would make a sentence too long to be read."""
    shown = ", ".join(f"`{each}`" for each in names[:MOST])
    return shown if len(names) <= MOST else f"{shown} and {len(names) - MOST} more"


def when(seconds: float) -> str:
    """A time, given in seconds since the epoch."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def size(count: int) -> str:
    """So many bytes, in the unit that leaves few digits."""
    return f"{count / KIB:.1f} KiB" if count < MIB else f"{count / MIB:.1f} MiB"


def table(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    if sys.stdout.isatty():
        rich_table(headings, cells)
    else:
        plain_table(headings, cells)


def plain_table(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Columns two spaces apart, one line a row, however wide: a program may read it."""
    lines = [[heading.upper() for heading in headings], *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for each in lines:
        padded = (cell.ljust(width) for cell, width in zip(each, widths, strict=True))
        line("  ".join(padded).rstrip())


def rich_table(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        drawn.add_column(heading, overflow="fold")
    for each in cells:
        drawn.add_row(*map(Text, each))
    Console().print(drawn)
