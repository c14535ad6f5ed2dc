"""
Commands that must succeed before a change goes live.

What they say is told when they fail.  Nothing that one has started is left when it ends.
"""

from __future__ import annotations

from typing import List

from cinestream_ops.agent import transient
from cinestream_ops.agent.kinds import RESTORE
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Failed, Refused
from cinestream_ops.state.items import Check
from cinestream_ops.state.steps import Step

PATIENCE = 120  # seconds


def back(step: Step) -> List[Step]:
    """A dead agent leaves it running."""
    return [Step(RESTORE, step.item, None, step.phase, step.site)]


def do(step: Step, kit: Kit) -> None:
    item = step.item
    assert isinstance(item, Check)
    unit = f"cinestream-check-{item.site}.service"
    if step.verb == RESTORE:
        transient.end(unit)
        return
    try:
        transient.run(unit, item.argv, item.properties, PATIENCE, kit)
    except Refused as error:
        said = reason(error).replace("error: ", "", 1)
        raise Refused(f"the check that {item.what} failed: {said}") from None


def reason(error: Refused) -> str:
    if isinstance(error, Failed):
        return error.said or f"it ended with {error.code}, and said nothing"
    return error.why
