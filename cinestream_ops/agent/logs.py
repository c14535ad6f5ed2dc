"""
The journal of some units, line by line, for as long as the other side wants it.
"""

from __future__ import annotations

import select
import subprocess
from typing import Any, Dict, List

from cinestream_ops.agent import kit
from cinestream_ops.agent.wire import Wire

PIECE = 1 << 16


def stream(order: Dict[str, Any], wire: Wire) -> None:
    """Oldest first; when followed, until the next order or the end of the conversation."""
    journal = kit.started(argv(order))
    try:
        tell(journal, wire)
    finally:
        kit.end(journal)


def argv(order: Dict[str, Any]) -> List[str]:
    follow = ["--follow"] if order.get("follow") else []
    units = [f"--unit={unit}" for unit in order["units"]]
    options = ["--no-pager", "--quiet", "--output=short-iso", f"--lines={int(order['lines'])}"]
    # What systemd says of its units is in the journal of the server.
    return ["journalctl", f"--namespace=+{order['site']}", *options, *follow, *units]


def tell(journal: "subprocess.Popen[bytes]", wire: Wire) -> None:
    assert journal.stdout
    rest = b""
    while True:
        with wire.stops.allowed():
            ready, _, _ = select.select([journal.stdout, wire.inbox], [], [])
        if wire.inbox in ready:
            wire.hear()  # whatever it is, it means enough
            return
        piece = journal.stdout.read1(PIECE)  # type: ignore[attr-defined]
        if not piece:
            return
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            wire.tell("line", text=line.decode(errors="replace"))
