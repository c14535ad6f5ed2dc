"""
`cinestream lab`: throwaway servers on this machine, known to every other command by their names.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import typer

from cinestream_ops import lab
from cinestream_ops.channel import inventory
from cinestream_ops.channel.target import Target
from cinestream_ops.cli import progress, show
from cinestream_ops.cli.options import (
    NONE,
    AsJson,
    Everything,
    LabName,
    LabNames,
    LabSuite,
    Suite,
    Words,
)
from cinestream_ops.errors import OpsError
from cinestream_ops.lab import Lab, homes

COLUMNS = {"name": "lab", "suite": "suite", "state": "state", "address": "address"}


def up(name: LabName, suite: LabSuite = Suite.BOOKWORM, as_json: AsJson = False) -> None:
    """Boot a bare server, and remember it under its name."""
    refuse_taken(name)
    with progress.telling() as told:
        made = lab.up(name, suite.value, told)
    register(made)
    if as_json:
        show.data(made.as_dict())
    else:
        show.say(f"Lab `{name}` is up: `cinestream setup {name}` makes it a host")


def ssh(name: LabName, command: Words = NONE) -> None:
    """Open a shell on a lab, or run a command there; exits as the command does."""
    argv = lab.ssh_argv(lab.find(name), command)
    raise typer.Exit(subprocess.run(argv, check=False).returncode)


def down(names: LabNames = NONE, everything: Everything = False, as_json: AsJson = False) -> None:
    """Remove labs, and whatever is left of them."""
    if not (names or everything):
        raise typer.BadParameter("name a lab, or use `--all`")
    for name in () if everything else names:
        lab.down(name)
    gone = lab.down_all() if everything else tuple(names)
    for name in gone:
        forget(name)
    if as_json:
        show.data({"removed": list(gone)})
    else:
        show.say(f"Removed: {', '.join(f'`{name}`' for name in gone) or 'nothing was there'}")


def list_(as_json: AsJson = False) -> None:
    """List the labs on this machine."""
    show.rows([each.as_dict() for each in lab.listing()], COLUMNS, as_json=as_json)


def target(made: Lab) -> Target:
    return Target(
        name=made.name,
        host=made.address,
        port=made.port,
        user=made.user,
        identity_file=made.identity_file,
        known_hosts=made.known_hosts,
        acme_directory=made.acme_directory,
        mongodb_archive=made.mongodb_archive,
        mongodb_sha256=made.mongodb_sha256,
    )


def register(made: Lab) -> None:
    known = inventory.load(os.environ)
    if known.servers.get(made.name) != target(made):
        forget(made.name)
        known.add(target(made))


def forget(name: str) -> None:
    """Remove *name* from the owner's servers, if it is a lab's entry."""
    known = inventory.load(os.environ)
    if is_lab(known.servers.get(name)):
        known.remove(name)


def is_lab(known: Target | None) -> bool:
    return known is not None and Path(known.identity_file).is_relative_to(homes.folder())


def refuse_taken(name: str) -> None:
    known = inventory.load(os.environ).servers.get(name)
    if known and not is_lab(known):
        raise OpsError(
            f"there is a server `{name}` already, and it is no lab",
            "choose another name, or `cinestream server remove` it first",
        )


COMMANDS = {"up": up, "ssh": ssh, "down": down, "list": list_}
