"""
The source of a site, one tree for each release.

It belongs to root: a site can read its own code and never change it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Sequence

from cinestream_ops.agent import trees
from cinestream_ops.agent.kit import Kit
from cinestream_ops.state.items import Fact, Release
from cinestream_ops.state.steps import REMOVE, Step


def look(items: Sequence[Release]) -> Dict[str, Fact]:
    return {item.key: trees.mark(item.path) for item in items}


def do(step: Step, kit: Kit) -> None:
    item = step.item
    assert isinstance(item, Release)
    if step.verb == REMOVE:
        trees.remove(Path(item.path))
        return
    from cinestream_ops.agent import tars  # it is slow to import, and a look does not need it

    with trees.draft(Path(item.path), item.mark) as partial:
        for size in tars.unpack(kit.blob_path(item.blob), partial):
            kit.progress(item.key, "unpacking", size, 0)
