"""
`cinestream recover`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cinestream_ops import engine
from cinestream_ops.cli import findings, session, show
from cinestream_ops.cli.options import Reading
from cinestream_ops.cli.session import Session
from cinestream_ops.engine import leftovers
from cinestream_ops.errors import OpsError
from cinestream_ops.state import paths

Entry = Mapping[str, Any]


def recover(asked: Reading) -> None:
    """
    Undo what a change left half done, and tell what it was.

    Every command does so before it looks at a server, and the server itself when it boots.  What
    removed sites have left is removed, too.  The exit code is 1 when something of all that could
    not be done.
    """
    with session.opened(asked) as host:
        facts = host.found.facts
        left = cleared(host)
        history = engine.history(host.conversation)
    gone = len(facts.leftovers) - len(left)
    told = outcome(facts.recovered, history, busy=facts.busy)
    tell({**told, "removed": gone, "leftovers": left}, as_json=asked.as_json)
    findings.tell(leftovers.findings(left))
    if told["failed"]:
        raise stuck(told)
    if left:
        raise OpsError(
            "not all that was to be removed is gone",
            f"mend what is in the way, then {leftovers.AGAIN}",
        )


def cleared(host: Session) -> Sequence[leftovers.Leftover]:
    """What is left after another try; nobody waits for whoever is changing the server."""
    facts = host.found.facts
    if not facts.leftovers or facts.busy:
        return facts.leftovers
    return leftovers.cleared(host.conversation, "recover", 0)


def outcome(now: Entry | None, history: list[dict[str, Any]], *, busy: bool) -> dict[str, Any]:
    """
    What a conversation undid as it began, which is *now*, and the last change that was undone.

    The *history* has it without secrets, and *busy* is a server that somebody is changing.
    """
    undone = [entry for entry in history if entry["outcome"] == "recovered"]
    found = now or {"undone": [], "failed": {}}
    return {
        "now": now is not None,
        "busy": busy,
        "change": undone[-1] if undone else None,
        "undone": found["undone"],
        "failed": sorted(found["failed"]),
    }


def tell(told: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        show.data(told)
        return
    if told["busy"]:
        show.say("Somebody is changing the server just now; that may still be finished")
    elif told.get("leftovers") or told.get("removed"):
        all_of_it = told["removed"] + len(told["leftovers"])
        show.say(f"Removed {told['removed']} of {all_of_it} things that removed sites had left")
    elif not told["now"]:
        last = "; this was undone last:" if told["change"] else ""
        show.say(f"Nothing is unfinished{last}")
    if told["change"]:
        show.table(["what", "is"], list(rows(told["change"], told)))


def rows(entry: Entry, told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The change in *entry*, with what became of it."""
    became = "undone, in part" if entry["why"] else "undone"
    if told["now"]:
        all_of_it = len(told["undone"]) + len(told["failed"])
        became += f" just now: {len(told['undone'])} of {all_of_it} steps"
    return [
        ("change", entry["doing"]),
        ("by", entry["who"]),
        ("begun", show.when(entry["when"])),
        ("steps", str(entry["steps"])),
        ("outcome", became),
        ("why", show.word(entry["why"])),
    ]


def stuck(told: Mapping[str, Any]) -> OpsError:
    names = ", ".join(f"`{key}`" for key in told["failed"])
    return OpsError(
        f"{names} could not be undone",
        "mend what is in the way, then `cinestream recover` tries again; or, to leave it as it is, "
        f"remove `{paths.HOME}/journal` on the server",
    )
