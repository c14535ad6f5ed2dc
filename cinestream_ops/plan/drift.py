"""
What others did to what is ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cinestream_ops.state.facts import Facts
from cinestream_ops.state.items import Fact
from cinestream_ops.state.steps import CHANGE, Step


def warnings(steps: Iterable[Step], facts: Facts) -> tuple[str, ...]:
    return tuple(sorted(sentence for step in steps for sentence in warning(step, facts)))


def warning(step: Step, facts: Facts) -> Iterator[str]:
    if step.phase != CHANGE:
        return
    owned = facts.owned.get(step.key)
    if owned and still(step.before) != still(owned.fact):
        yield f"`{step.item.name}` {deed(owned.fact, step.before)}"


def still(fact: Fact) -> Fact:
    # The seal of an env file is made anew in each conversation.
    return fact and {name: value for name, value in fact.items() if name != "seal"}


def deed(left: Fact, found: Fact) -> str:
    """What befell it since we left it, in words that follow its name."""
    if left and found and found.get("enabled") and not found["active"]:
        return "does not run any more: it failed, or was stopped by hand"
    return f"was {done(left, found)} by hand since we left it"


def done(left: Fact, found: Fact) -> str:
    if found is None:
        return "removed"
    if "active" not in found:
        return "changed"
    return "stopped or disabled" if left else "started or enabled"


def sites(facts: Facts) -> set[str]:
    """Every site that something on the server is owned for."""
    return {owned.site for owned in facts.owned.values()}
