"""
The pursuits that the server goes on with by itself, when its timer says so.

Between two of them the lock is free, and all of them end within a bound: the rest is for the next
hour.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import List, Set

from cinestream_ops.agent import certificates, lock, pursuit, record, recover
from cinestream_ops.agent.certificates import ISSUED, Record
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.pursuit import HOLDER
from cinestream_ops.agent.refused import Locked, Refused
from cinestream_ops.agent.transaction import Transaction

LONGEST = 15 * 60  # seconds in which another may begin; systemd ends us after 30 minutes
PATIENCE = 60  # seconds for a change that is being made
TURN = 1  # seconds in which who waits for the lock gets it


def retry(home: Path) -> int:
    """Go on with each pending certificate whose time has come; 1 if one is still not there."""
    began, end = time.time(), time.monotonic() + LONGEST
    seen: Set[str] = set()
    missing = False
    try:
        while time.monotonic() < end:
            with lock.held(home, {**HOLDER, "since": time.time()}, PATIENCE if seen else 0, say):
                recover.refuse_unfinished(home)
                left = [each for each in due(home, began) if each["lineage"] not in seen]
                if not left:
                    break
                seen.add(left[0]["lineage"])
                missing |= not tried(left[0], Kit(home))
            time.sleep(TURN)
    except Refused as error:
        say(error.why)
        return int(missing or not isinstance(error, Locked))
    return int(missing)


def due(home: Path, now: float) -> List[Record]:
    pending = (each for each in certificates.kept(home) if each["state"] != ISSUED)
    # A try in the future: the clock was ahead then, and by as much too late is the next one.
    return [
        each
        for each in pending
        if each.get("order") and not each["tried_at"] <= now < each["next_try"]
    ]


def tried(told: Record, kit: Kit) -> bool:
    """Whether it is there now; what stands against one is told, and does not stop the others."""
    item = certificates.ordered(told["order"])
    try:
        pursuit.pursue(item, kit)
    except Refused as error:
        say(f"{item.lineage}: {error.why}")
        return False
    say(f"{item.lineage}: issued")
    record.own(kit.home, record.left([(item, pursuit.site_of(item, kit))]))
    Transaction([], {**HOLDER, "doing": f"certify {item.lineage}"}, kit).remember("done")
    return True


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
