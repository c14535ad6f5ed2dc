"""
All that stands in a plan's way and is not ours, told at once before anything is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.desired import mongodb
from cinestream_ops.engine import squatters
from cinestream_ops.errors import Refused
from cinestream_ops.plan import Plan
from cinestream_ops.state.facts import Facts
from cinestream_ops.state.items import Absent, Certificate, Unit
from cinestream_ops.state.steps import PUT, Step

HINT = (
    "cinestream replaces nothing that it has not made: move these away, or choose another name, "
    "domain or port"
)
PORTS_HINT = "stop that program; or, for a new site, name another block with `--port N`"


def refuse(conversation: Conversation, made: Plan, facts: Facts) -> None:
    """Raises `Refused` where *made* would take anything that is somebody else's."""
    new = [step for step in made.steps if step.verb == PUT and step.key not in facts.owned]
    taken = squatted(conversation, new, facts)
    told = [*made.strangers, *asked(conversation, new, adopted(made)), *taken]
    if len(told) == 1:
        raise Refused(told[0], PORTS_HINT if taken else HINT)
    if told:
        lines = "".join(f"\n- {each}" for each in told)
        raise Refused(f"{len(told)} things are in the way, and none of them is ours:{lines}", HINT)


def squatted(conversation: Conversation, new: list[Step], facts: Facts) -> list[str]:
    """A port that somebody else listens on would only be found when a socket fails."""
    taken = sorted(port for step in new for port in ports(step) if port in facts.listeners)
    return [squatters.sentence(taken, squatters.named(conversation, taken))] if taken else []


def ports(step: Step) -> Iterator[int]:
    item = step.item
    if isinstance(item, Unit) and item.companions:
        yield int(item.unit.partition("@")[2].removesuffix(".service"))
    if isinstance(item, Unit) and item.unit == mongodb.UNIT and not step.before:
        yield mongodb.PORT


def adopted(made: Plan) -> list[Certificate]:
    """The certificates that are as we want them, though nothing says that we had them."""
    return [item for _, item in made.adopt if isinstance(item, Certificate)]


def asked(conversation: Conversation, new: list[Step], there: list[Certificate]) -> Iterator[str]:
    """What only a look at the files of certbot, nginx and dpkg tells."""
    wanted = [*there, *(step.item for step in new if isinstance(step.item, Certificate))]
    default = any(isinstance(step.item, Absent) and step.before for step in new)
    if not wanted and not default:
        return
    names = {name: item.lineage for item in wanted for name in item.names}
    order = {"do": "strangers", "names": sorted(names), "default": default}
    told: dict[str, Any] = conversation.ask({**order, "lineages": sorted({*names.values()})})
    for path in told["defaults"]:
        yield f"`{path}` is not the distribution's any more: somebody has made it a site"
    for lineage, way in told["lineages"].items():
        yield (
            f"certbot has a certificate `{lineage}` already, which it renews by `{way}`; "
            "cinestream has not asked for it"
        )
    for name, path in told["served"].items():
        yield f"`{name}` is a name of another site of nginx's already, in `{path}`"
