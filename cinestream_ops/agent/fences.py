"""
Where the way back tells systemd and nginx that their files were put back.

On the way there a fence does nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import List

from cinestream_ops.agent import systemd, units
from cinestream_ops.agent.kinds import RESTORE
from cinestream_ops.agent.kit import Kit
from cinestream_ops.state.items import Fence
from cinestream_ops.state.steps import Step


def back(step: Step) -> List[Step]:
    """What runs now is what runs again; what was stopped before us stays so."""
    item = step.item
    assert isinstance(item, Fence)
    running = [name for name, fact in units.states(item.restarts).items() if fact["active"]]
    return [Step(RESTORE, replace(item, restarts=tuple(running)), None, step.phase, step.site)]


def do(step: Step, kit: Kit) -> None:
    if step.verb != RESTORE:
        return
    assert isinstance(step.item, Fence)
    if step.item.of == "nginx":
        from cinestream_ops.agent import nginx

        nginx.take_back(kit)
        return
    systemd.reload(kit)
    # At boot they are started anyway, and some may not be yet.
    units.rolling(kit, "try-restart" if kit.booting else "restart", step.item.restarts)
