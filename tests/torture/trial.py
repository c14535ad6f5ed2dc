"""
A change broken off at one step after the other, and what came of each.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from cinestream_ops import lab
from cinestream_ops.cli.fail import PENDING
from tests.owner.owner import CommandFailed, Host, Owner
from tests.torture import command, processes, state
from tests.torture.change import SITE, Change
from tests.torture.fault import AFTER, COMMIT, Fault
from tests.torture.prober import Prober
from tests.torture.state import State

BYSTANDER = "shop.example.test"
PATIENCE = 120.0  # seconds that a server left alone may take to put things back
KEPT = (COMMIT, AFTER)  # the moments when there is no way back any more
OLD, NEW, NEITHER = "old", "new", "neither"


@dataclass(frozen=True)
class Point:
    """One fault: where it struck, which state it left, how long until that, and what is wrong."""

    change: str
    kind: str
    moment: str
    left: str
    seconds: float
    wrong: tuple[str, ...] = ()


@dataclass
class Trial:
    """A *change* under faults of one *kind*, on the server of *owner* and *host*."""

    owner: Owner
    host: Host
    change: Change
    kind: str
    points: list[Point] = field(default_factory=list)
    requests: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Whatever was not as promised, each with the moment that led to it."""
        wrong = [f"{each.moment}: {why}" for each in self.points for why in each.wrong]
        return [*wrong, *(f"the other site answered {each}" for each in self.failures)]

    def ready(self) -> None:
        """Bring the server to where the change starts, and learn both states."""
        self.start()
        self.forget_certificates()
        command.succeed(self.owner, self.change.line)
        self.new = state.of(self.host)
        self.restart()
        self.old = state.of(self.host)

    def start(self) -> None:
        command.run(self.owner, f"remove-site {SITE} --purge --yes")
        for line in self.change.before:
            command.succeed(self.owner, line)

    def forget_certificates(self) -> None:
        """More of them are asked for here than an authority gives out, and so than is let through."""
        self.host.runs("rm", "-f", "/var/lib/cinestream/ledger.json")

    def restart(self) -> None:
        self.forget_certificates()
        if self.change.back:
            command.succeed(self.owner, self.change.back)

    def everywhere(self) -> None:
        """Break off at each moment of the change, once."""
        past: set[str] = set()
        while point := self.strike(Fault(self.kind, self.host.lab.name, past=frozenset(past))):
            past.add(point.moment)

    def at(self, number: int) -> None:
        """Break off at the moment *number*, counted from one."""
        self.strike(Fault(self.kind, self.host.lab.name, at=number))

    def strike(self, blow: Fault) -> Point | None:
        """What came of *blow*; None when the change was over before it could strike."""
        if self.kind == "power":
            point = self.struck(blow)
        else:
            with Prober(self.host.lab, BYSTANDER) as prober:
                point = self.struck(blow)
            self.requests += prober.asked
            self.failures += prober.failures
        if point:
            self.again(point)
        return point

    def again(self, after: Point) -> None:
        """Back to where the change starts."""
        if after.left == NEITHER:
            self.ready()
        elif after.left == NEW:
            self.restart()
            self.old = state.of(self.host)

    def struck(self, blow: Fault) -> Point | None:
        ended = command.run(self.owner, self.change.line, blow)
        if not ended.moment:
            assert not ended.code, ended.told
            self.restart()
            return None
        begun = time.monotonic()
        self.settle()
        second = self.second(ended.moment)
        seconds = time.monotonic() - begun
        now = state.of(self.host)
        left = self.left(now, ended.moment)
        wrong = tuple(self.wrong(left, second, now))
        point = Point(self.change.name, self.kind, ended.moment, left, seconds, wrong)
        self.points.append(point)
        return point

    def second(self, moment: str) -> command.Ended:
        """
        The plan that comes next, which is to be empty.

        What follows a commit depends on the world, a certificate for one: what is left of that the
        plan shows, and `apply` does it.
        """
        plan = command.run(self.owner, "plan --exit-code")
        if plan.code == PENDING and moment.startswith(KEPT):
            self.forget_certificates()
            command.succeed(self.owner, "apply --yes")
            plan = command.run(self.owner, "plan --exit-code")
        return plan

    def settle(self) -> None:
        """Until nobody is at work on the server any longer."""
        if self.kind == "power":
            lab.boot(self.host.lab.name)
            # It exits with 1 when a unit failed: which one, the state tells.
            self.host.tries("systemctl", "is-system-running", "--wait")
        end = time.monotonic() + PATIENCE
        while processes.at_work(self.host.lab.name):
            if time.monotonic() > end:
                raise CommandFailed(f"the agent was still at work after {PATIENCE:g} s")
            time.sleep(0.01)

    def left(self, now: State, _: str) -> str:
        if state.is_old(now, self.old):
            return OLD
        return NEW if state.is_new(now, self.new) else NEITHER

    def wrong(self, left: str, second: command.Ended, now: State) -> Iterator[str]:
        if left == NEITHER:
            yield from (f"not old: {each}" for each in state.differences(now.kept, self.old.kept))
            yield from (
                f"not new: {each}" for each in state.differences(now.public, self.new.public)
            )
        if second.code:
            yield f"the second plan is not empty:\n{second.told}"
        yield from (f"orphan: {each}" for each in state.orphans(now, self.old, self.new))
