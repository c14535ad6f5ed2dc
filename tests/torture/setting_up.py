"""
A set-up that is broken off: the way to a host is tried again and again, until it is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.torture import command, state
from tests.torture.fault import Fault
from tests.torture.state import State
from tests.torture.trial import NEITHER, NEW, OLD, Point, Trial

SPEC = "/etc/cinestream/server.toml"
PREPARE = "prepare "  # the phase of the step that was just taken
JOURNALS = ("/var/lib/cinestream/journal", "/var/lib/cinestream/committed")


@dataclass
class SettingUp(Trial):
    """
    What a set-up prepares stays, so each try begins after the preparations of the one before.

    A bare server has neither a spec to plan for nor another site to be asked.
    """

    def ready(self) -> None:
        self.old = self.new = state.of(self.host)

    def strike(self, blow: Fault) -> Point | None:
        point = self.struck(blow)
        return None if point and point.left == NEW else point

    def left(self, now: State, moment: str) -> str:
        """After a preparation, whatever it added is what the next try starts from."""
        if SPEC in now.marks:
            return NEW
        if moment.startswith(PREPARE):
            self.old = now
        return OLD if state.is_old(now, self.old) else NEITHER

    def wrong(self, left: str, second: command.Ended, now: State) -> Iterator[str]:
        yield from (f"left over: {each}" for each in JOURNALS if each in now.marks)
        if left == NEW and second.code:
            yield f"the second plan is not empty:\n{second.told}"
        if left == NEITHER:
            yield from (f"not old: {each}" for each in state.differences(now.kept, self.old.kept))
