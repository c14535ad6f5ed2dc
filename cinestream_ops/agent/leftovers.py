"""
What was to go for good with a change that stands, and is still there.

It is remembered and told.  No site may come to be where something is still to be removed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import steps

RECORD = "leftovers.json"
AGAIN = "`cinestream recover` removes it"

Leftover = Dict[str, Any]  # the words of a step, `why` it could not be taken, `since` when


def read(home: Path) -> List[Leftover]:
    """In the order in which they are to be removed."""
    try:
        found: List[Leftover] = json.loads((home / RECORD).read_text())
    except FileNotFoundError:
        return []
    return found


def told(home: Path) -> List[Dict[str, Any]]:
    """What an owner is told of each: nothing of it is a secret."""
    return [
        {
            "key": steps.step(each["step"]).key,
            "site": each["step"]["site"],
            "why": each["why"],
            "since": each["since"],
        }
        for each in read(home)
    ]


def refuse(home: Path, site: str, database: str = "") -> None:
    """`Refused` while something is left of an earlier *site*, or of its *database*."""
    for each in told(home):
        if each["site"] == site or each["key"] == f"database:{database}":
            name = each["key"].partition(":")[2]
            raise Refused(
                f"an earlier `{each['site']}` was removed, and `{name}` is still there: "
                f"{each['why']}",
                f"mend what is in the way, then {AGAIN}",
            )
