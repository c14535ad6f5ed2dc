"""
Backups of a site: what there is to save, its bytes, and the road back for them.

Nothing here changes a site that is there: what is brought back is put where nothing stood.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, Dict

from cinestream_ops.agent import (
    backup_cloning,
    backup_data,
    backup_database,
    backup_record,
    backup_renaming,
    backup_saving,
    backup_staging,
    incoming,
    record,
    transient,
)
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.wire import Wire

Order = Dict[str, Any]


def answer(order: Order, wire: Wire, home: Path) -> Dict[str, Any]:
    """What came of the act that *order* names, after the bytes it asks for were told."""
    try:
        transient.sweep()
        blobs = incoming.received(order.get("blobs", ()), wire, home)
        return ACTS[order["act"]](order, Kit(home, wire.tell, blobs, wire.stops))
    except OSError as error:
        raise Refused(f"`{error.filename or home}` on the server: {error.strerror}") from None
    finally:
        incoming.discard(home)


def saved(order: Order, kit: Kit) -> Dict[str, Any]:
    """All that `backup_saving.saved` tells; the history tells who took the copy."""
    began = time.time()
    answer = backup_saving.saved(order, kit)
    who = {"who": order["who"], "doing": f"backup create {order['user']}", "steps": 0}
    when = {"when": began, "seconds": round(time.time() - began, 1)}
    record.remember(kit.home, {**who, **when, "outcome": "done", "why": ""})
    return answer


def standing(order: Order, kit: Kit) -> Dict[str, Any]:
    """How the backups are that this server makes by itself."""
    return {"sites": backup_record.standing(kit.home, order["units"])}


def compared(order: Order, kit: Kit) -> Dict[str, Any]:
    """What the collections of *order* hold once they are in a database of their own."""
    collections = backup_database.with_paths(order["collections"], kit)
    return backup_database.told(kit, do="check", load=collections)


def inspected(order: Order, kit: Kit) -> Dict[str, Any]:
    """What is wrong with the SQLite databases in an archive."""
    return {"faults": backup_data.inspected(kit.blob_path(order["data"]), kit)}


ACTS: Dict[str, Callable[[Order, Kit], Dict[str, Any]]] = {
    "standing": standing,
    "measure": backup_saving.measured,
    "save": saved,
    "compare": compared,
    "inspect": inspected,
    "occupied": backup_staging.occupied,
    "stage": backup_staging.staged,
    "renamable": backup_renaming.renamable,
    "renamed": backup_renaming.renamed,
    "weigh": backup_cloning.weighed,
    "clone": backup_cloning.cloned,
    "settle": backup_staging.settled,
    "clear": backup_staging.cleared,
}
