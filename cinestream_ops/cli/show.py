"""
How a command speaks: data to stdout, everything else to stderr.

Colour never carries meaning alone, and rich is imported only where a terminal can show it.  All of
it leaves by `cli.mouth`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cinestream_ops.cli import mouth

RED, YELLOW, CYAN = "31", "33", "36"
MOST = 8  # names in a sentence
KIB, MIB = 1 << 10, 1 << 20


def say(text: str = "") -> None:
    """A line for the person who looks on."""
    mouth.put(mouth.ERR, text)


def error(what: str, hint: str = "") -> None:
    told("error:", RED, what)
    hints(hint)


def warning(what: str, hint: str = "") -> None:
    told("warning:", YELLOW, what)
    hints(hint)


def hints(hint: str) -> None:
    if hint:
        told("hint:", CYAN, hint)


def told(word: str, colour: str, text: str) -> None:
    """*text* behind its *word*; further lines of it stand in, lest they pass for words of ours."""
    first, *more = mouth.lines(text)
    mouth.put(mouth.ERR, first, mark=f"{painted(word, colour)} ")
    for each in more:
        say(f"  {each}" if each else "")


def quote(text: str) -> None:
    """What another program says, which is none of our words."""
    for each in mouth.lines(text):
        say(f"  | {each}")


def painted(word: str, colour: str) -> str:
    return f"\033[1;{colour}m{word}\033[0m" if mouth.coloured(mouth.ERR) else word


def line(text: str = "") -> None:
    """A line of data."""
    mouth.put(mouth.OUT, text)


def data(value: Any) -> None:
    """*value* as JSON."""
    json_line(value, indent=2)


def json_line(value: Any, indent: int | None = None) -> None:
    mouth.write(mouth.OUT, f"{mouth.as_json(value, indent)}\n")


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
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):  # of a year that no calendar has
        return f"{seconds:g} s"


def size(count: int) -> str:
    """So many bytes, in the unit that leaves few digits."""
    return f"{count / KIB:.1f} KiB" if count < MIB else f"{count / MIB:.1f} MiB"


def table(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    headings = [*map(mouth.visible, headings)]
    cells = [[*map(mouth.visible, each)] for each in cells]
    if mouth.on_terminal(mouth.OUT):
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
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        drawn.add_column(Text(heading), overflow="fold")
    for each in cells:
        drawn.add_row(*map(Text, each))
    mouth.console(mouth.OUT).print(drawn)
