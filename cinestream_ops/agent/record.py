"""
What is remembered of past changes: what is ours, and who did what.

It may not hold a secret: facts are kept without their seals.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

from cinestream_ops.agent import disk, kinds
from cinestream_ops.state import items
from cinestream_ops.state.items import File, Item

Owned = Dict[str, Dict[str, Any]]
HISTORY = "history.jsonl"


def owned(home: Path) -> Owned:
    """By key: the item's words, the fact as we left it, and the site it belongs to."""
    try:
        found: Owned = json.loads((home / "owned.json").read_text())
    except FileNotFoundError:
        return {}
    return found


def left(found: Sequence[Tuple[Item, str]]) -> Owned:
    """What to remember of the items *found*, each with its site, as they are now."""
    facts = kinds.look([item for item, _ in found])
    return {
        item.key: {"words": items.words(item), "fact": unsealed(facts[item.key]), "site": site}
        for item, site in found
    }


def unsealed(fact: items.Fact) -> items.Fact:
    return fact and {name: value for name, value in fact.items() if name != "seal"}


def file(home: Path, found: Owned) -> File:
    """The file that remembers what we own."""
    text = json.dumps(found, indent=1, sort_keys=True)
    return File(str(home / "owned.json"), text.encode(), 0o600, *us())


def own(home: Path, more: Owned, gone: Iterable[str] = ()) -> None:
    """Remember *more*, and forget what is *gone*."""
    found = {**owned(home), **more}
    kept = {key: each for key, each in found.items() if key not in set(gone)}
    disk.put(file(home, kept))


def us() -> List[str]:
    return [pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name]


def remember(home: Path, entry: Mapping[str, Any]) -> None:
    """Add to the history; a full disk forgets, for the change itself is what counts."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    handle = os.open(home / HISTORY, flags, 0o600)
    try:
        os.write(handle, json.dumps(entry).encode() + b"\n")
    except OSError:
        pass
    finally:
        os.close(handle)


def history(home: Path) -> List[Dict[str, Any]]:
    """Oldest first."""
    try:
        lines = (home / HISTORY).read_text().splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("}")]
