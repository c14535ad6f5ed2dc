"""
The command as an owner types it, in this process, with a home of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from cinestream_ops.cli import app


@dataclass(frozen=True)
class Told:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An owner without servers, on a terminal of 80 columns."""
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("CINESTREAM_SERVER", "CINESTREAM_CONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def cinestream(home, capfd):
    def run(*words: str) -> Told:
        capfd.readouterr()
        code = 0
        try:
            app.run(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capfd.readouterr()
        return Told(code, said.out, said.err)

    return run
