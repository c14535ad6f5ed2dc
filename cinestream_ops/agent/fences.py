"""
Where the way back tells systemd and nginx that their files were put back.

On the way there a fence does nothing.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Sequence

from cinestream_ops.agent import systemd, units
from cinestream_ops.agent.kinds import RESTORE
from cinestream_ops.agent.kit import Kit
from cinestream_ops.state.items import Fence
from cinestream_ops.state.steps import Step

STARTED, STATUS = "ExecMainStartTimestampMonotonic", "StatusText"
COMING = "a successor starts"  # how a worker's status ends; it may have the new files


def back(step: Step) -> List[Step]:
    """What runs now is what may run again; what was stopped before us stays so."""
    item = step.item
    assert isinstance(item, Fence)
    running = [name for name, fact in units.states(item.restarts).items() if fact["active"]]
    fence = replace(item, restarts=tuple(running))
    now = {"boot": boot(), "microseconds": time.monotonic_ns() // 1000}
    return [Step(RESTORE, fence, now, step.phase, step.site)]


def do(step: Step, kit: Kit) -> None:
    if step.verb != RESTORE:
        return
    assert isinstance(step.item, Fence)
    if step.item.of == "nginx":
        from cinestream_ops.agent import nginx

        nginx.take_back(kit)
        if step.item.drained:
            nginx.drain(kit)
        return
    systemd.reload(kit)
    if kit.booting:  # they are started anyway, and some may not be yet
        units.rolling(kit, "try-restart", [*step.item.restarts, *step.item.reloads])
        return
    units.rolling(kit, "restart", begun(step.item.restarts, step.before or {}), back=True)
    units.run_up(kit, "reload-or-restart", step.item.reloads)


def begun(names: Sequence[str], since: Dict[str, Any]) -> List[str]:
    """Those of *names* that have started *since*, with files that were put back; or just do so."""
    if since.get("boot") != boot():
        return list(names)
    then = since["microseconds"]
    return [
        name
        for name, shown in systemd.show(names, [STARTED, STATUS]).items()
        # A timer has neither, and to start it anew costs nobody.
        if int(shown.get(STARTED, then)) >= then or shown.get(STATUS, "").endswith(COMING)
    ]


def boot() -> str:
    """What tells one run of the kernel from another, since clocks begin anew with it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
