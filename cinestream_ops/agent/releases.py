"""
The source of a site, or of what runs it: one tree for each release.

It belongs to root: a site can read its own code and never change it.
"""

from __future__ import annotations

from pathlib import Path

from cinestream_ops.agent import trees
from cinestream_ops.agent.kit import Kit
from cinestream_ops.state.items import Release
from cinestream_ops.state.steps import REMOVE, Step


def do(step: Step, kit: Kit) -> None:
    item = step.item
    assert isinstance(item, Release)
    if step.verb == REMOVE:
        trees.clear(Path(item.path))
        return
    # They are slow to import, and a look does not need them.
    from cinestream_ops.agent import bytecode, tars

    with trees.draft(Path(item.path), item.mark) as partial:
        for size in tars.unpack(kit.blob_path(item.blob), partial):
            kit.progress(item.key, "unpacking", size, 0)
        kit.progress(item.key, "compiling", 0, 0)
        bytecode.put(partial, item.path, kit)
