"""
nginx's own test of a configuration that is not in place yet.

The candidate is a copy that only the test sees, in a mount namespace of its own (unshare(1)).
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, List, Sequence

from cinestream_ops.agent import access_logs, disk
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import paths
from cinestream_ops.state.items import Item
from cinestream_ops.state.steps import Step

PATIENCE = 60  # seconds
KINDS = {"file", "symlink", "directory", "absent"}
# The copy takes the place of the real one, and then nginx takes the place of this program.
PROGRAM = (
    "import os, subprocess, sys; "
    "subprocess.run(['mount', '--bind', *sys.argv[1:]], check=True); "
    "os.execvp('nginx', ['nginx', '-t', '-q'])"
)


def rehearse(changes: Sequence[Step], kit: Kit) -> None:
    """`Refused`, with what nginx says, if it would not take its files as *changes* make them."""
    mine = [step for step in changes if step.item.kind in KINDS and below(step.item)]
    if not mine or not shutil.which("nginx"):
        return
    copy = kit.home / "candidate"
    shutil.rmtree(copy, ignore_errors=True)
    try:
        shutil.copytree(paths.NGINX, copy, symlinks=True)
        for step in mine:
            disk.do(replace(step, item=moved(step.item, copy)), kit)
        access_logs.close(copy / "sites-available")
        test(copy, kit)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def below(item: Item) -> bool:
    return item.name.startswith(f"{paths.NGINX}/")


def moved(item: Any, copy: Path) -> Item:
    found: Item = replace(item, path=item.path.replace(paths.NGINX, str(copy), 1))
    return found


def test(copy: Path, kit: Kit) -> None:
    try:
        kit.run(argv(copy), PATIENCE)
    except Refused as error:
        _, _, said = error.why.partition("\n")
        raise Refused(
            f"nginx would not accept the new configuration:\n{said or error.why}",
            "nothing was changed",
        ) from None


def argv(copy: Path) -> List[str]:
    private = ["unshare", "--mount", "--propagation", "private"]
    return [*private, sys.executable, "-I", "-S", "-c", PROGRAM, str(copy), paths.NGINX]
