"""
One change as the owner sees it: the plan, the question, the work, the result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from cinestream_ops import engine
from cinestream_ops.cli import aftermath, confirm, findings, origins, plans, progress, show
from cinestream_ops.cli.options import Changing
from cinestream_ops.cli.session import Session
from cinestream_ops.engine import Carried, Outcome, clocks
from cinestream_ops.errors import OpsError, Refused
from cinestream_ops.plan import Plan
from cinestream_ops.spec.house import House

# Makes, of the plan that is made true, what hears its events.
Reporting: TypeAlias = Callable[[Plan], Callable[[dict[str, Any]], None]]


def make(
    session: Session,
    wanted: House,
    asked: Changing,
    *,
    doing: str,
    only: Collection[str] | None,
    carried: Carried | None = None,
    purge: Collection[str] = (),
    restart: Collection[str] = (),
    batch: int = 25,
    accept_errors: bool = False,
) -> Plan:
    """
    Show the way from what is there to *wanted*; go it, unless the owner says otherwise.

    Workers restart *batch* per cent at a time.
    """
    carried = carried or Carried()
    plan = engine.plan(
        session.conversation,
        session.found,
        wanted,
        only=only,
        carried=carried,
        purge=purge,
        restart=restart,
        tries=True,
        accept_errors=accept_errors,
    )

    def work(report: Reporting) -> Outcome:
        return engine.apply(
            session.conversation,
            plan,
            carried=carried,
            doing=doing,
            wait=asked.wait,
            batch=batch,
            report=report(plan),
        )

    def remember() -> None:
        origins.remember(session.target, carried.origins)

    try:
        make_true(session, plan, asked, work, doing=doing, brought=carried.origins, once=remember)
    except Refused as error:
        if type(error) is Refused:
            warn_of_the_ill(session, plan)
            findings.tell(clocks.findings(session.found.ahead))
        raise
    return plan


def make_true(
    session: Session,
    plan: Plan,
    asked: Changing,
    work: Callable[[Reporting], Outcome],
    *,
    doing: str,
    also: Mapping[str, Any] = {},
    brought: origins.Origins = origins.NONE,
    once: Callable[[], None] = lambda: None,
) -> None:
    """
    Show *plan*, with the code that is *brought*; have it made true by *work*, unless the owner says
    otherwise; tell what came of it.

    Programs are told *also*.  What is to be done *once* it is true is done also where something
    could not be removed, which raises `OpsError`.
    """
    diffs = engine.diffs(session.conversation, plan) if asked.diff else {}
    plans.tell(plan, diffs, asked, brought)
    came = None
    if is_wanted(plan, asked):
        with progress.telling() as told:
            outcome = work(lambda made: progress.of_plan(made, told))
        came = aftermath.of(session.conversation, outcome)
        show.say(f"Done: {doing}")
        aftermath.tell(came)
        if not all(each.ok for each in came):
            findings.tell(clocks.findings(session.found.ahead))
    if asked.as_json:
        result = {"doing": doing, "changed": came is not None, "follow_ups": aftermath.data(came)}
        show.data({**result, **also, **plans.data(plan, diffs, brought)})
    if came is not None or not (plan or asked.plan_only):
        once()
    aftermath.refuse_left(came or ())


def is_wanted(plan: Plan, asked: Changing) -> bool:
    """Whether *plan* is to be made true: asked at a terminal, where the options do not tell."""
    if not plan or asked.plan_only:
        return False
    agreed = asked.yes or confirm.change()
    if not agreed:
        show.say("Nothing was changed")
    return agreed


def warn_of_the_ill(session: Session, plan: Plan) -> None:
    """What was put back may not serve any more, which the reason of the refusal does not tell."""
    names = {step.site for step in plan.steps if step.item.kind == "unit"} & {*session.house.sites}
    with suppress(OpsError):
        for site in engine.status(session.conversation, session.found, sorted(names)):
            for each in site["trouble"]:
                if each["level"] == findings.STOP:
                    way = (
                        f"{each['hint']}; `cinestream stop {site['name']}` keeps it out of the way"
                    )
                    show.warning(each["what"], way)
