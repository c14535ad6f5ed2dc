"""
Programs of the owner's, run when a release goes live; all that they say is told.

It may not wait for one without an end, nor leave one running.
"""

from __future__ import annotations

import select
import subprocess
import time
from typing import List

from cinestream_ops.agent import kit as kits
from cinestream_ops.agent import transient
from cinestream_ops.agent.kinds import RESTORE
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Hook
from cinestream_ops.state.steps import Step

PIECE = 1 << 16


def back(step: Step) -> List[Step]:
    """A dead agent leaves it running; what it did stays done."""
    return [Step(RESTORE, step.item, None, step.phase, step.site)]


def do(step: Step, kit: Kit) -> None:
    item = step.item
    assert isinstance(item, Hook)
    unit = f"cinestream-hook-{item.site}.service"
    transient.end(unit)
    if step.verb == RESTORE:
        return
    child = kits.started(transient.piped(unit, item.argv, item.properties, item.timeout))
    try:
        listen(child, item, kit)
        code = transient.code(unit, child, item.timeout, kit.stops)
    finally:
        kits.end(child)
        transient.end(unit)
    if code:
        raise Refused(f"{item.what} ended with {code}", "what it did is not undone by us")


def listen(child: "subprocess.Popen[bytes]", item: Hook, kit: Kit) -> None:
    """Until it has closed what it writes to; `Refused` when that takes too long."""
    end = time.monotonic() + item.timeout
    unsaid = {stream: b"" for stream in (child.stdout, child.stderr) if stream}
    while unsaid:
        with kit.stops.allowed():
            ready, _, _ = select.select(list(unsaid), [], [], max(end - time.monotonic(), 0))
        if not ready:
            raise Refused(
                f"{item.what} did not end within {item.timeout} s, and was stopped",
                "`hooks.timeout` in the site's spec gives it more; what it did is not undone by us",
            )
        for stream in ready:
            piece = stream.read1(PIECE)  # type: ignore[attr-defined]
            whole, newline, rest = (unsaid[stream] + piece).rpartition(b"\n")
            unsaid[stream] = rest
            if not piece:
                del unsaid[stream]
                whole, newline = rest, rest
            if newline:
                kit.tell("said", key=item.key, text=whole.decode(errors="replace"))
