"""
A plan, as an owner reads it and as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cinestream_ops.cli import origins, show
from cinestream_ops.cli.options import Changing
from cinestream_ops.plan import Plan
from cinestream_ops.plan.sentence import grouped


def tell(
    plan: Plan, diffs: Mapping[str, str], asked: Changing, brought: origins.Origins = origins.NONE
) -> None:
    """
    *plan* on stdout where it is what was asked for, else on stderr with its warnings.

    Before it stands what code is *brought*.
    """
    for warning in plan.warnings:
        show.warning(warning)
    if asked.as_json and asked.plan_only:
        return
    speak = show.line if asked.plan_only else show.say
    for text in origins.lines(brought, plan):
        speak(text)
    for text in lines(plan) or ["Nothing to do: the server is as its specs say"]:
        speak(text)
    for text in diffs.values():
        for each in text.rstrip("\n").split("\n"):
            speak(each)


def lines(plan: Plan) -> list[str]:
    """The phases with their counts, and a sentence for each step; none for an empty plan."""
    told: list[str] = []
    for title, sentences in grouped(plan):
        told += [f"{title}: {len(sentences)}", *(f"  - {each}" for each in sentences), ""]
    return told[:-1]


def data(
    plan: Plan, diffs: Mapping[str, str], brought: origins.Origins = origins.NONE
) -> dict[str, Any]:
    return {
        **({"code": origins.data(brought)} if brought else {}),
        "phases": [{"title": title, "steps": steps} for title, steps in grouped(plan)],
        "forget": list(plan.forget),
        "warnings": list(plan.warnings),
        **({"diffs": dict(diffs)} if diffs else {}),
    }
