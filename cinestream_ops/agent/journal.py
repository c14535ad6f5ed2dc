"""
The way back on the disk, written before the steps that it undoes.

It holds no file's content: what was replaced is kept beside its successor.  A commit is one rename
of its folder, which needs no room on a full disk.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import cinestream_ops
from cinestream_ops.agent import program
from cinestream_ops.agent.unfinished import AGENT, COMMITTED, JOURNAL
from cinestream_ops.state import steps
from cinestream_ops.state.steps import REMOVE, Step

LINES, CLEANUP = "steps.jsonl", "cleanup.jsonl"


class Journal:
    """The folders of one home: `journal` of what is unfinished, `committed` of what is kept."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / JOURNAL
        self.committed = home / COMMITTED

    @property
    def unfinished(self) -> bool:
        return self.folder.exists() or self.committed.exists()

    def open(self, cleanup: Sequence[Step], **header: Any) -> None:
        """
        Begin a journal, with the very agent that can walk it: no other version ever has to.

        What is to be cleaned up once the change stands is in it, too.
        """
        draft = self.home / f"{JOURNAL}.draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        append(draft / AGENT, program.text(getattr(cinestream_ops, "BUNDLES", ())))
        append(draft / LINES, line(header))
        append(draft / CLEANUP, b"".join(line(steps.words(step)) for step in cleanup))
        sync(draft)
        draft.rename(self.folder)
        sync(self.home)

    def append(self, way_back: Sequence[Step]) -> None:
        append(self.folder / LINES, b"".join(line(steps.words(step)) for step in way_back))

    def keep(self, header: Mapping[str, Any], way_back: Sequence[Step]) -> None:
        """Only *way_back* is left to be walked; on a full disk, all of it is walked once more."""
        draft = self.folder / f"{LINES}.draft"
        try:
            append(draft, line(header) + b"".join(line(steps.words(step)) for step in way_back))
            draft.rename(self.folder / LINES)
        except OSError:
            draft.unlink(missing_ok=True)

    def commit(self) -> None:
        """From here on there is no way back, only what is left to be swept and cleaned up."""
        self.folder.rename(self.committed)
        sync(self.home)

    def close(self) -> None:
        """Nothing is left to be done; at no moment is there half a journal."""
        done = self.home / f"{JOURNAL}.done"
        for folder in (self.home / f"{JOURNAL}.draft", self.folder, self.committed):
            shutil.rmtree(done, ignore_errors=True)
            if folder.exists():
                folder.rename(done)
        shutil.rmtree(done, ignore_errors=True)
        sync(self.home)


def read(folder: Path) -> Tuple[Dict[str, Any], List[Step]]:
    """The header and the way back; a torn last line is of a step that was never taken."""
    try:
        whole = [text for text in (folder / LINES).read_text().split("\n")[:-1] if text]
    except FileNotFoundError:
        return {}, []
    told = [json.loads(text) for text in whole]
    return (told[0] if told else {}), [steps.step(words) for words in told[1:]]


def cleanup(folder: Path) -> List[Step]:
    """What a change that stands has still to remove, some of which may be gone."""
    path = folder / CLEANUP
    lines = path.read_text().splitlines() if path.exists() else []
    return [step for step in map(steps.step, map(json.loads, lines)) if step.verb == REMOVE]


def line(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told).encode() + b"\n"


def append(path: Path, content: bytes) -> None:
    """On the disk once this returns."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
