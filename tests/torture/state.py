"""
What is on a server, to be compared to what was there before or is there after a change.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cinestream_ops.agent import kit
from tests.owner.owner import Host
from tests.torture import processes

PROGRAM = (Path(__file__).parent / "seen.py").read_text()
# What only adds, and stays whatever becomes of the change: docs/decisions/0009.
PREPARED = re.compile(
    r"(user|group) .*|/var/www/\w+|/var/www/\w+/(releases|venvs|data)(/[^/]+)?"
    r"|owned\.json (user|release|venv|archive|package|directory):.*"
    r"|/usr/lib/cinestream/(venv|runners.*)?|/usr/lib/cinestream|/opt/mongodb(/versions)?"
)
PATIENCE = 120  # seconds
# Half of something that nobody refers to, or refers to any longer; the next change removes it.
DRAFT = re.compile(
    r"/var/lib/cinestream/(\.owned\.json\.cinestream(-was)?|(journal\.(draft|done)|candidate)(/.*)?)"
    r"|/var/www/\w+/(releases|venvs)/\.[^/]+\.partial|/usr/lib/cinestream/[\w/]*\.[^/]+\.partial"
)
# Made anew, from randomness, each time that its site is.
SECRETS = re.compile(r"/var/www/\w+/\.env|/etc/cinestream/mongodb\.env")


@dataclass(frozen=True)
class State:
    """Files, units, listeners, rules, users and database users, each by its address."""

    marks: Mapping[str, str]

    @property
    def kept(self) -> Mapping[str, str]:
        """All but the preparations."""
        return {key: mark for key, mark in self.marks.items() if not is_prepared(key)}

    @property
    def public(self) -> Mapping[str, str]:
        """What comes out the same each time that the same change is made."""
        return {
            key: "made here" if SECRETS.fullmatch(key) else mark for key, mark in self.kept.items()
        }


def is_prepared(key: str) -> bool:
    return bool(PREPARED.fullmatch(key) or DRAFT.fullmatch(key))


def of(host: Host) -> State:
    # Past sshd, whose sessions come and go with units of their own.
    entered = ("nsenter", "--all", f"--target={processes.init(host.lab.name)}")
    done = subprocess.run(
        [*entered, "env", "-i", f"PATH={kit.PATH}", "python3", "-I", "-"],
        input=PROGRAM, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    return State(json.loads(done.stdout))


def is_old(now: State, old: State) -> bool:
    return now.kept == old.kept


def is_new(now: State, new: State) -> bool:
    return now.public == new.public


def orphans(now: State, old: State, new: State) -> frozenset[str]:
    """What belongs to neither state."""
    found = now.marks.keys() - old.marks.keys() - new.marks.keys()
    return frozenset(key for key in found if not DRAFT.fullmatch(key))


def differences(now: Mapping[str, str], then: Mapping[str, str]) -> Iterator[str]:
    for key in sorted(now.keys() | then.keys()):
        if now.get(key) != then.get(key):
            yield f"{key}: {then.get(key, 'nothing')} became {now.get(key, 'nothing')}"
