"""
What became of the steps that follow a change, and that could fail without undoing it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cinestream_ops import engine
from cinestream_ops.cli import certificates, show
from cinestream_ops.engine import Conversation, Outcome, leftovers
from cinestream_ops.errors import OpsError


@dataclass(frozen=True)
class Sequel:
    """One such step: whether it is done, and *why* not; how a *certificate* stands now."""

    key: str
    ok: bool
    why: str
    certificate: Mapping[str, Any] | None = None
    left: bool = False  # it was to be removed, and nothing but `recover` will

    @property
    def name(self) -> str:
        return self.key.partition(":")[2]


def of(conversation: Conversation, outcome: Outcome) -> list[Sequel]:
    told = outcome.follow_ups
    asked = any(is_certificate(each["key"]) for each in told)
    known = engine.look(conversation).facts.certificates if asked else {}
    return [
        Sequel(
            each["key"],
            each["ok"],
            each["why"],
            record(each["key"], known),
            each.get("left", False),
        )
        for each in told
    ]


def is_certificate(key: str) -> bool:
    return key.startswith("certificate:")


def record(key: str, known: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return known.get(key.partition(":")[2]) if is_certificate(key) else None


def tell(came: Sequence[Sequel]) -> None:
    for each in came:
        if each.certificate:
            certificates.tell(each.name, each.certificate, each.why)
        elif not each.ok:
            show.warning(f"`{each.name}` was not finished: {each.why}")


def refuse_left(came: Sequence[Sequel]) -> None:
    """`OpsError` where what was to go for good is still there, since who asked counts on it."""
    if any(each.left for each in came):
        raise OpsError(
            "the change stands, but not all that was to be removed is gone",
            f"mend what is in the way, then {leftovers.AGAIN}",
        )


def data(came: Sequence[Sequel] | None) -> list[dict[str, Any]]:
    return [
        {"key": each.key, "ok": each.ok, "why": each.why, **standing(each)} for each in came or ()
    ]


def standing(each: Sequel) -> dict[str, Any]:
    return {"certificate": certificates.standing(each.certificate)} if each.certificate else {}
