"""
The undo of every step so far, walked last first.

Nothing may cut it short: each step is tried even when an earlier one failed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Dict, Iterable, List, Sequence, Set

from cinestream_ops.agent import kinds
from cinestream_ops.agent.journal import Journal
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.steps import Step


class WayBack:
    """Grows by what undoes each step, on the disk before the step is taken."""

    def __init__(self, journal: Journal) -> None:
        self.steps: List[Step] = []
        self._journal = journal
        self._kept: Set[str] = set()

    def push(self, run: Sequence[Step]) -> None:
        first = [step for step in run if self._is_first(step)]
        found = kinds.back(first) if first else []
        if found:
            self._journal.append(found)
            self.steps += found

    def _is_first(self, step: Step) -> bool:
        """A second step on the same file has no way back: the first one's goes all the way."""
        if not kinds.keeps(step.item):
            return True
        name = step.item.name
        first = name not in self._kept
        self._kept.add(name)
        return first


def walk(steps: Sequence[Step], kit: Kit) -> Dict[str, str]:
    """Take *steps* from the last to the first; why, by key, for each that could not be taken."""
    failed: Dict[str, str] = {}
    for run in kinds.runs(reversed(steps)):
        failed.update(undone(run, kit))
    return failed


def undone(run: Sequence[Step], kit: Kit) -> Dict[str, str]:
    try:
        kinds.do(run, kit)
    except Exception as error:  # noqa: BLE001 -- whatever it was, the others must be tried
        if len(run) == 1:
            return {run[0].key: str(error) or repr(error)}
        return {key: why for step in run for key, why in undone([step], kit).items()}
    return {}


def sweep(steps: Iterable[Step]) -> None:
    """Remove what was kept for *steps*, folders before what they hold."""
    for step in reversed(list(steps)):
        # A leftover is ugly, and harms nobody.
        with suppress(OSError, Refused):
            kinds.sweep(step)
