"""
Case files: the owner's text, a divider, and each file it must become.

Beside `[server]` and `[sites.NAME]` the text may tell of the `[machine]`, and of the `[certificates]` that are there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from cinestream_ops import desired
from cinestream_ops.desired import Shipped
from cinestream_ops.spec import toml
from cinestream_ops.state.facts import Machine
from cinestream_ops.state.items import File, Item, Sshd

CASES = Path(__file__).parent / "cases"
DIVIDER = "──────── "
SHIPPED = Shipped(agent=b"agent\n", runner=b"runner\n", tools=b"uv==1\n")


@dataclass(frozen=True)
class Case:
    """What stands in the file at *path*."""

    path: Path
    text: str
    expected: Mapping[str, str]

    @property
    def items(self) -> Mapping[str, tuple[Item, ...]]:
        return everything(self.text)

    @property
    def files(self) -> dict[str, str]:
        """Every file that the text becomes."""
        return files(self.items)


def everything(text: str) -> Mapping[str, tuple[Item, ...]]:
    told = tomllib.loads(text)
    machine = Machine(**told.pop("machine", {"nginx": "1.22.1"}))
    certificates = {name: {"names": names} for name, names in told.pop("certificates", {}).items()}
    house = toml.parse_file(tomli_w.dumps(told))
    return desired.everything(house, machine, certificates, SHIPPED)


def files(items: Mapping[str, tuple[Item, ...]]) -> dict[str, str]:
    return {
        item.path: item.content.decode()
        for each in items.values()
        for item in each
        if isinstance(item, File | Sshd)
    }


def read(path: Path) -> Case:
    text, *parts = path.read_text().split(DIVIDER)
    return Case(path, text, dict(part.split("\n", 1) for part in parts))


def write(case: Case) -> None:
    """The case again, with the files as they are now."""
    parts = (f"{DIVIDER}{path}\n{case.files[path]}" for path in case.expected)
    case.path.write_text("".join((case.text, *parts)))


def paths() -> list[Path]:
    return sorted(CASES.glob("*.txt"))
