"""
Backups of a site: what there is to save, its bytes, and the road back for them.

Nothing here changes a site that is there: what is brought back is put where nothing stood.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict

from cinestream_ops.agent import backup_database, backup_saving, backup_staging, incoming
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.wire import Wire

Order = Dict[str, Any]


def answer(order: Order, wire: Wire, home: Path) -> Dict[str, Any]:
    """What came of the act that *order* names, after the bytes it asks for were told."""
    try:
        blobs = incoming.received(order.get("blobs", ()), wire, home)
        return ACTS[order["act"]](order, Kit(home, wire.tell, blobs, wire.stops))
    except OSError as error:
        raise Refused(f"`{error.filename or home}` on the server: {error.strerror}") from None
    finally:
        incoming.discard(home)


def compared(order: Order, kit: Kit) -> Dict[str, Any]:
    """What the collections of *order* hold once they are in a database of their own."""
    collections = backup_database.with_paths(order["collections"], kit)
    return backup_database.told(kit, do="check", database=order["database"], load=collections)


ACTS: Dict[str, Callable[[Order, Kit], Dict[str, Any]]] = {
    "measure": backup_saving.measured,
    "save": backup_saving.saved,
    "compare": compared,
    "occupied": backup_staging.occupied,
    "stage": backup_staging.staged,
    "settle": backup_staging.settled,
    "clear": backup_staging.cleared,
}
