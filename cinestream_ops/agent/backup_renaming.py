"""
What a new name asks of a site: nothing beside it that would be lost, and nothing under way.

It changes nothing of a site, old or new.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict

from cinestream_ops.agent import backup_cloning, backup_staging, kinds, record, systemd
from cinestream_ops.agent.backup_staging import NAMELESS, Order
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import items

# What a site has in its home; all else would go with it.
OURS = {".env", "data", "releases", "src", "static", "venv", "venvs"}
# What a change that was refused may have left there.
PREPARED = {"releases", "venvs"}


def renamable(order: Order, kit: Kit) -> Dict[str, Any]:
    """Whether it can be; `Refused` tells what stands against it."""
    home, was = order["home"], order["from"]
    if names(home) - PREPARED:
        raise Refused(f"`{home}` is there, left by an earlier site", NAMELESS)
    backup_staging.refuse_stranger(order)
    if strangers := sorted(names(was["home"]) - OURS):
        raise Refused(
            f"`{was['home']}/{strangers[0]}` was not made by cinestream, and would be lost",
            f"move it into `{was['home']}/data`, or away",
        )
    if os.path.ismount(f"{was['home']}/data"):
        raise Refused(
            f"`{was['home']}/data` is a file system of its own, and cannot change its place",
            "mount it elsewhere, with a link in `data` that leads there",
        )
    for unit in (f"{was['user']}-refresh.service", f"cinestream-backup-{was['user']}.service"):
        refuse_busy(unit)
    return {"moving": backup_cloning.weighed(order, kit)["moving"]}


def names(folder: str) -> "set[str]":
    return {path.name for path in Path(folder).iterdir()} if Path(folder).is_dir() else set()


def refuse_busy(unit: str) -> None:
    if systemd.running([unit]).get(unit, "inactive") not in systemd.IDLE:
        raise Refused(
            f"`{unit}` is at work",
            f"wait until it is done, or `systemctl stop {unit}` on the server",
        )


def renamed(order: Order, kit: Kit) -> Dict[str, Any]:
    """
    What is remembered names the new account.

    While both were there, the old one's name stood for the number that they share.
    """
    with backup_staging.alone(order, kit):
        found = record.owned(kit.home)
        mine = {
            key: items.item(each["words"])
            for key, each in found.items()
            if each["site"] == order["user"]
        }
        facts = kinds.look(mine.values())
        now = {key: {**found[key], "fact": record.unsealed(facts[key])} for key in mine}
        record.own(kit.home, now)
    return {}
