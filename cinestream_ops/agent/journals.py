"""
The journal that a site has for itself, removed with all that was written to it.

systemd makes it as soon as a unit of the site runs (`LogNamespace=` of systemd.exec(5)).
"""

from __future__ import annotations

from pathlib import Path
from typing import List

from cinestream_ops.agent import disk, systemd
from cinestream_ops.agent.kit import Kit
from cinestream_ops.state.items import SiteJournal, Tree
from cinestream_ops.state.steps import Step

MACHINE = Path("/etc/machine-id")
# It would go on writing to files that are no more, also for a new site of that name.
UNITS = ("journald@%s.service", "journald@%s.socket", "journald-varlink@%s.socket")
FOLDERS = ("/var/log/journal", "/run/log/journal")
SOCKETS = "/run/systemd/journal.{}"  # which belong to the group of who began to write


def do(step: Step, kit: Kit) -> None:
    item = step.item
    assert isinstance(item, SiteJournal)
    systemd.tell(kit, "stop", [f"systemd-{unit % item.site}" for unit in UNITS])
    for tree in trees(item):
        disk.do(Step(step.verb, tree), kit)


def sweep(step: Step) -> None:
    assert isinstance(step.item, SiteJournal)
    for tree in trees(step.item):
        disk.sweep(Step(step.verb, tree))


def trees(item: SiteJournal) -> List[Tree]:
    """Where systemd-journald(8) has the files of a namespace, and is written to."""
    machine = MACHINE.read_text().strip()
    files = [Tree(f"{folder}/{machine}.{item.site}") for folder in FOLDERS]
    return [*files, Tree(SOCKETS.format(item.site))]
