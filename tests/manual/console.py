"""
The commands in a document, with what they are to print.

In a `console` block each line that starts with `$ ` is a command (a backslash at its end goes on in
the next line), and what follows it is a part of its output, where `...` stands for anything, and on
a line of its own for any number of lines.
`<!-- test` to `-->` holds lines for the shell that a reader need not see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

PART = re.compile(
    r"^```console\n(?P<shown>.*?)^```$|^<!-- test\n(?P<hidden>.*?)^-->$", re.DOTALL | re.MULTILINE
)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n?", re.MULTILINE)
STATUS = "echo $?"


@dataclass(frozen=True)
class Command:
    """A command at a *line* of a document: what it must print, and how it must exit."""

    line: int
    text: str
    output: str
    status: int = 0

    @property
    def pattern(self) -> re.Pattern[str]:
        """What finds the output; trailing blanks, and the widths of columns, are nobody's business."""
        # It is searched for, so dots at either end stand for what need not be there.
        told = squeezed(self.output).removeprefix("...\n").removesuffix("\n...")
        passages = told.split("\n...\n")
        return re.compile(r"\n(?:.*?\n)?".join(map(of_passage, passages)), re.DOTALL)


def of_passage(text: str) -> str:
    return ".*?".join(re.escape(part) for part in text.split("..."))


def squeezed(text: str) -> str:
    lines = (re.sub(r"(?<=\S) {2,}", "  ", line).rstrip() for line in text.splitlines())
    return "\n".join(lines).strip()


def commands(document: str) -> Iterator[Command]:
    """Every command of *document*, in order, the hidden ones too."""
    for part in PART.finditer(document):
        begin = document.count("\n", 0, part.start()) + 2
        if part["hidden"] is not None:
            yield Command(begin, part["hidden"], "")
        else:
            yield from of_block(part["shown"], begin)


def of_block(block: str, begin: int) -> Iterator[Command]:
    found = list(COMMAND.finditer(block))
    ends = [each.start() for each in found[1:]] + [len(block)]
    told = [
        (begin + block.count("\n", 0, each.start()), each[1], block[each.end() : end])
        for each, end in zip(found, ends, strict=True)
    ]
    for index, (line, text, output) in enumerate(told):
        asked = index + 1 < len(told) and told[index + 1][1] == STATUS
        if text != STATUS:
            yield Command(line, text, output, int(told[index + 1][2]) if asked else usual(output))


def usual(output: str) -> int:
    """DESIGN's exit code for what was refused, else that for what was done."""
    return int(output.startswith("error:"))
