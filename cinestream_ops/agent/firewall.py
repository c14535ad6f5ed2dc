"""
Our table in the kernel, compared to what its files make.

Whoever flushes the ruleset takes it away, and the unit that has loaded it never learns.  The files
are loaded into a network of their own, which is gone with the program that was started there.
"""

from __future__ import annotations

import subprocess
from typing import Dict, List, Sequence

from cinestream_ops.agent import kit as kits
from cinestream_ops.agent.kinds import RESTORE
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Fact, Item, Table
from cinestream_ops.state.steps import REMOVE, Step

PATIENCE = 30  # seconds
# Without handles and counters, nor whom connections are counted for: nft(8), "OPTIONS".
# With several sets in one command, nft of Debian 12 finds the last one alone.
LISTED = """nft -n -s -t list table $1 || exit 3
for set in $3; do nft -n list set $1 $set || exit 3; done"""
ALONE = ("unshare", "--net", "--")
NO_NETWORK = 1
EXPECTED = f'nft -f "$2" || exit 3\n{LISTED}'


def look(found: Sequence[Item]) -> Dict[str, Fact]:
    return {item.key: fact(item) for item in found}


def fact(item: Item) -> Fact:
    """None if the kernel has no such table; else whether it is `whole`."""
    assert isinstance(item, Table)
    words = ("sh", item.table, item.rules, " ".join(item.sets))
    both = []
    try:
        both += [kits.started(["sh", "-c", LISTED, *words])]
        both += [kits.started([*ALONE, "sh", "-c", EXPECTED, *words])]
        found, wanted = [child.communicate(timeout=PATIENCE)[0] for child in both]
    except (Refused, subprocess.TimeoutExpired):
        return None
    finally:
        for child in both:
            kits.end(child)
    if not found:
        return None
    # Where there are no namespaces, which is unshare's word, there is nothing to compare to.
    there, expected = (child.returncode for child in both)
    return {"whole": not there and (found == wanted if not expected else expected == NO_NETWORK)}


def back(step: Step) -> List[Step]:
    """Where there was none there will be none: it may be what keeps its owner out."""
    if step.before is not None and step.verb != REMOVE:
        return []
    return [Step(RESTORE, step.item, step.before, step.phase, step.site)]


def do(step: Step, kit: Kit) -> None:
    item = step.item
    assert isinstance(item, Table)
    if step.verb == REMOVE or (step.verb == RESTORE and step.before is None):
        if not kit.booting and fact(item) is not None:
            kit.run(["nft", "delete", "table", *item.table.split()], PATIENCE)
        return
    if kit.booting or fact(item) == item.mark:
        return  # its unit will be started, or just has been
    kit.run(["systemctl", "reload-or-restart", item.unit], PATIENCE)
    if fact(item) != item.mark:
        raise Refused(
            f"the table `{item.table}` of nftables is not what `{item.rules}` makes",
            f"`nft -c -f {item.rules}` on the server tells why",
        )
