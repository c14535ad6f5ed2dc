"""
Make every change, or none.

Preparations only add, and come first; clean-ups and follow-ups come after the word from outside
that keeps the change, and cannot undo it any more.
"""

from __future__ import annotations

import errno
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence

from cinestream_ops.agent import (
    clearance,
    disk,
    env,
    kinds,
    leftovers,
    lock,
    place,
    record,
    recover,
    specs,
    wayback,
)
from cinestream_ops.agent.journal import Journal
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Drifted, Refused
from cinestream_ops.agent.wayback import WayBack
from cinestream_ops.state import items, paths
from cinestream_ops.state.items import Certificate, Fact, File, Item, MongoUser, Remains
from cinestream_ops.state.steps import CHANGE, CLEANUP, FOLLOW_UP, PREPARE, PUT, REMOVE, Step

FULL = {errno.ENOSPC, errno.EDQUOT}
DECIDE = "somebody changed the server meanwhile; look at the new plan and decide again"


class Transaction:
    """The *steps* of one *order* to apply, done with a *kit*."""

    def __init__(self, steps: Sequence[Step], order: Mapping[str, Any], kit: Kit) -> None:
        self.steps, self.order, self.kit = steps, order, kit
        self.home = kit.home
        self.uploaded: List[Step] = []
        kit.batch = order.get("batch", kit.batch)
        self.journal = Journal(kit.home)
        self.holder: Dict[str, Any] = {
            "who": order["who"],
            "doing": order["doing"],
            "since": time.time(),
            "pid": os.getpid(),
            "steps": len(steps),
        }

    def run(self, hear_commit: Callable[[], None]) -> None:
        """
        All of it, from the lock to the last follow-up; *hear_commit* returns to keep the change.

        `Refused`, or whatever *hear_commit* raises, with every change undone.
        """
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with lock.held(self.home, self.holder, self.order.get("wait", 0), self.waiting):
            try:
                self.make(hear_commit)
            except BaseException as error:
                refusal = self.refusal(error)
                if getattr(refusal, "restored", True):
                    self.discard_uploaded()
                self.remember("refused", str(refusal))
                raise refusal from error
            self.remember("done")
            self.finish()

    def waiting(self, whom: str) -> None:
        self.kit.tell("waiting", **{"for": whom})
        with self.kit.stops.allowed():
            pass

    def make(self, hear_commit: Callable[[], None]) -> None:
        recover.refuse_unfinished(self.home)
        changes = self.of(CHANGE)
        self.refuse_leftovers(changes)
        self.refuse_other_specs()
        self.refuse_drift(self.steps)
        self.kit.touched = {step.key for step in changes}
        self.note_who_is_well(changes)
        if self.prepare():
            # What was not there may have come with a package; all else is as it was planned for.
            self.refuse_drift([step for step in changes if step.before is not None])
        self.rehearse(changes)
        self.change(changes, hear_commit)

    def of(self, phase: str) -> List[Step]:
        return [step for step in self.steps if step.phase == phase]

    def refuse_other_specs(self) -> None:
        """Ports and names are shared by all sites: none may have come since the plan was made."""
        seen = self.order.get("specs")
        if seen is not None and seen != specs.digests():
            raise Drifted("the specs have changed since the plan was made", DECIDE)

    def refuse_leftovers(self, changes: Sequence[Step]) -> None:
        """What is still to be removed must not be a new site's."""
        for step in births(changes):
            leftovers.refuse(self.home, step.site)
        for item in (step.item for step in changes if step.verb == PUT):
            if isinstance(item, MongoUser):
                leftovers.refuse(self.home, "", item.database)

    def refuse_drift(self, steps: Sequence[Step]) -> None:
        facts = kinds.look({step.key: step.item for step in steps}.values())
        drifted = {
            step.item.name: None
            for step in steps
            if identity(facts[step.key]) != identity(step.before)
        }
        if drifted:
            keys = ", ".join(f"`{key}`" for key in drifted)
            verb = "has" if len(drifted) == 1 else "have"
            raise Drifted(
                f"{keys} {verb} changed since the plan was made",
                DECIDE,
            )

    def note_who_is_well(self, changes: Sequence[Step]) -> None:
        if any(step.item.kind == "gate" for step in changes):
            from cinestream_ops.agent import nginx

            nginx.note_who_is_well(changes, self.kit)

    def prepare(self) -> bool:
        """Only what adds: it is ours from before it is there, whatever becomes of the change."""
        steps = self.of(PREPARE)
        if steps:
            ours = [step for step in steps if step.before is None]
            self.uploaded = [step for step in ours if step.item.kind == "release"]
            record.own(self.home, self.left(ours))
            try:
                for run in kinds.runs(steps):
                    self.do(run)
                ours = steps
            finally:
                record.own(self.home, self.left(ours))
        return bool(steps)

    def discard_uploaded(self) -> None:
        """An owner who is refused has sent nothing: no release of this change stays behind."""
        with self.kit.stops.shut(), suppress(OSError):
            for step in self.uploaded:
                kinds.do([Step(REMOVE, step.item)], self.kit)
            record.own(self.home, {}, [step.key for step in self.uploaded])

    def rehearse(self, changes: Sequence[Step]) -> None:
        if any(step.item.name.startswith("/etc/nginx/") for step in changes):
            from cinestream_ops.agent import rehearsal

            rehearsal.rehearse(changes, self.kit)

    def change(self, changes: Sequence[Step], hear_commit: Callable[[], None]) -> None:
        way_back = WayBack(self.journal)
        try:
            self.journal.open(self.of(CLEANUP), **self.holder)
            way_back.push(births(changes))
            for run in kinds.runs(changes):
                way_back.push(run)
                self.do(run)
            self.remember_ours(changes, way_back)
            hear_commit()
            self.journal.commit()
        except BaseException as error:
            self.walk(way_back, error)
            raise
        wayback.sweep(way_back.steps)
        if not self.of(CLEANUP):
            self.journal.close()

    def walk(self, way_back: WayBack, error: BaseException) -> None:
        """All the way back; `Refused` if some of it could not be gone."""
        with self.kit.stops.shut():
            failed = wayback.walk(way_back.steps, self.kit)
        if not failed:
            self.journal.close()
            return
        self.journal.keep(self.holder, [step for step in way_back.steps if step.key in failed])
        told = "; ".join(f"`{key}`: {why}" for key, why in failed.items())
        refusal = Refused(
            f"{reason(error)}\nThis could not be undone: {told}",
            "the next command tries again to undo it",
        )
        refusal.restored = False
        raise refusal from error

    def do(self, run: Sequence[Step]) -> None:
        with self.kit.stops.allowed():
            pass
        self.tell(run, "begin")
        kinds.do(run, self.kit)
        self.tell(run, "end")

    def tell(self, run: Iterable[Step], state: str) -> None:
        for step in run:
            self.kit.tell("step", key=step.key, verb=step.verb, phase=step.phase, state=state)

    def remember_ours(self, changes: Sequence[Step], way_back: WayBack) -> None:
        """In `owned.json`, which goes back with all the rest."""
        gone = {step.key for step in changes if step.verb == REMOVE}
        found = {**record.owned(self.home), **self.left(changes), **self.adopted()}
        gone |= set(self.order.get("forget", ()))
        kept = {key: each for key, each in found.items() if key not in gone}
        step = Step(PUT, record.file(self.home, kept))
        way_back.push([step])
        disk.do(step, self.kit)

    def adopted(self) -> record.Owned:
        """What was as it should be before it was ours."""
        told = self.order.get("adopt", ())
        return record.left([(items.item(each["words"]), each["site"]) for each in told])

    def left(self, steps: Iterable[Step]) -> record.Owned:
        """What *steps* leave behind that is ours."""
        put = [step for step in steps if step.verb == PUT and step.item.kind not in kinds.PASSING]
        return record.left([(item, step.site) for step in put for item in made(step.item)])

    def finish(self) -> None:
        """Clean up and follow up; nobody has to listen, and nothing of it can undo the change."""
        with self.kit.stops.shut():
            for run in kinds.runs(self.of(CLEANUP)):
                self.outcome(run)
            self.journal.close()
        with self.kit.stops.alone():
            for step in self.of(FOLLOW_UP):
                self.outcome([step])

    def outcome(self, run: Sequence[Step]) -> None:
        why = ""
        try:
            clearance.refuse_early(self.home, run)
            self.do(run)
            wayback.sweep(run)
            record.own(self.home, self.left(run), [step.key for step in run if step.verb == REMOVE])
        except Exception as error:  # noqa: BLE001 -- the others are still to be done
            why = self.scrubbed(reason(error))
        left = clearance.note(self.home, run, why)
        facts = kinds.look([step.item for step in run])
        for step in run:
            state = record.unsealed(facts[step.key])
            self.kit.tell("outcome", key=step.key, ok=not why, why=why, state=state, left=left)

    def refusal(self, error: BaseException) -> BaseException:
        """*error* as it may be told."""
        if isinstance(error, OSError) and error.errno in FULL:
            return no_room(error, self.home)
        if isinstance(error, Refused):
            error.why = self.scrubbed(error.why)
            error.args = (error.why,)
        return error

    def scrubbed(self, words: str) -> str:
        """*words* without a secret of ours, wherever a command may have found it."""
        owned = record.owned(self.home).values()
        ours = [items.item(each["words"]) for each in owned]
        return env.scrubbed(words, [*ours, *(step.item for step in self.steps)])

    def remember(self, outcome: str, why: str = "") -> None:
        told = {name: self.holder[name] for name in ("who", "doing", "steps")}
        seconds = round(time.time() - self.holder["since"], 1)
        when = {"when": self.holder["since"], "seconds": seconds}
        record.remember(self.home, {**when, **told, "outcome": outcome, "why": why})


def births(changes: Sequence[Step]) -> List[Step]:
    """Of each site that is made here: what it comes to have outside its folder."""
    specs = f"{paths.SPECS}/sites/"
    born = [s for s in changes if s.verb == PUT and not s.before and s.item.name.startswith(specs)]
    return [Step(PUT, Remains(step.site), site=step.site) for step in born if step.site]


def made(item: Item) -> List[Item]:
    """All that is ours once *item* is put: a certificate brings nginx's file along."""
    if isinstance(item, Certificate):
        return [item, File(item.conf_path, item.conf)]
    return [item]


def identity(fact: Fact) -> Fact:
    """
    What two facts share when nothing changed in between, as it comes back over the wire.

    A seal covers the whole of an env file, whereas what is told of it depends on who asks.  Who was
    a number has a name once the account is made that data was kept for: it is the same owner.
    """
    found: Fact = json.loads(json.dumps(fact))
    if not found:
        return found
    for field, name in (("owner", place.name_of), ("group", place.group_of)):
        if str(found.get(field, "")).isdecimal():
            found[field] = name(int(found[field]))
    told = ("plain", "hidden") if "seal" in found else ()
    return {key: value for key, value in found.items() if key not in told}


def reason(error: BaseException) -> str:
    return str(error) or repr(error)


def no_room(error: OSError, home: Path) -> Refused:
    """Which file system is full."""
    mount = Path(error.filename or home)
    while not mount.is_mount():
        mount = mount.parent
    found = os.statvfs(mount)
    free = found.f_bavail * found.f_frsize // 1024
    return Refused(f"the disk is full: `{mount}` has {free} KiB free", "make room, and try again")
