"""
Our file among sshd's, and what sshd goes by in the end.

sshd is never left with files that it would not start with, and is reloaded, so that nobody who is
logged in is cut off.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Dict, Sequence

from cinestream_ops.agent import disk
from cinestream_ops.agent import kit as kits
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Fact, File, Item, Sshd
from cinestream_ops.state.steps import PUT, Step

SSHD, UNIT = "/usr/sbin/sshd", "ssh.service"
PATIENCE = 30  # seconds
KEYLESS = {"pubkeyauthentication": "no", "authorizedkeysfile": "none"}

back, sweep = disk.back, disk.sweep


def look(found: Sequence[Item]) -> Dict[str, Fact]:
    return {item.key: fact(item) for item in found}


def fact(item: Item) -> Fact:
    """That of the file, and the `settings` that sshd has in the end."""
    assert isinstance(item, Sshd)
    found = disk.fact(file(item))
    if found is None or "other" in found:
        return found
    now = settings()
    return {**found, "settings": {name: now.get(name, "") for name, _ in item.settings}}


def file(item: Sshd) -> File:
    return File(item.path, item.content)


def settings() -> Dict[str, str]:
    """What sshd goes by, where no `Match` says otherwise; nothing if it cannot tell (sshd(8))."""
    try:
        child = kits.started([SSHD, "-T"])
    except Refused:
        return {}
    try:
        said = child.communicate(timeout=PATIENCE)[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        return {}
    finally:
        kits.end(child)
    pairs = (line.partition(" ") for line in said.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def do(step: Step, kit: Kit) -> None:
    item = step.item
    assert isinstance(item, Sshd)
    if step.verb == PUT:
        refuse_unfit(kit)
    before = disk.fact(file(item))
    disk.do(replace(step, item=file(item)), kit)
    if kit.booting:
        return  # it starts with what is there now
    # A reload brings in what others have written, too, which may be what we refused.
    if before != disk.fact(file(item)):
        kit.run(["systemctl", "try-reload-or-restart", UNIT], PATIENCE)
    if step.verb == PUT:
        refuse_overruled(item)


def refuse_unfit(kit: Kit) -> None:
    """
    What others have written there takes effect with our reload, too.

    A word of theirs that lets in no key would stay, though our own file went back.
    """
    try:
        kit.run([SSHD, "-t"], PATIENCE)
    except Refused as error:
        raise Refused(
            f"sshd would not start again with its files as they are: {error.why}",
            "mend them, or leave sshd to yourself: `cinestream setup --no-sshd`",
        ) from None
    now = settings()
    for name, closed in KEYLESS.items():
        if now.get(name) == closed:
            raise Refused(
                f"sshd's files let in no key: they say `{name} {closed}`",
                "mend them first, or nobody would get in any more",
            )


def refuse_overruled(item: Sshd) -> None:
    now = settings()
    for name, wanted in item.settings:
        if now.get(name) != wanted:
            raise Refused(
                f"sshd does not go by `{item.path}`: it has `{name} {now.get(name, '')}`",
                "a file that it reads before, or `sshd_config` without an `Include` of that "
                "folder, says otherwise; or `cinestream setup --no-sshd`",
            )
