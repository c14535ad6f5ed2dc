"""
`cinestream server`: the servers that this owner knows by name.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from cinestream_ops import engine
from cinestream_ops.channel import inventory
from cinestream_ops.channel.target import LOCAL, Target, named, parse, spoken
from cinestream_ops.cli import confirm, show
from cinestream_ops.cli.options import Address, AsJson, Fingerprint, IdentityFile, NewServer, Ssh
from cinestream_ops.errors import UnknownHostKey

COLUMNS = {"name": "server", "address": "address", "default": "in use"}


def add(
    name: NewServer,
    address: Address,
    identity_file: IdentityFile = None,
    fingerprint: Fingerprint = "",
    ssh: Ssh = "",
    as_json: AsJson = False,
) -> None:
    """Reach a server, have its host key vouched for, and remember it under a name."""
    target = spoken(new(named(name), address), ssh or os.environ.get("CINESTREAM_SSH", ""))
    if identity_file:
        target = replace(target, identity_file=str(identity_file.expanduser().absolute()))
    asked = is_key(fingerprint) if fingerprint else confirm.host_key
    with engine.converse(target, ask_host_key=asked, passphrase=confirm.passphrase, say=show.say):
        inventory.load(os.environ).add(target)
    tell(target, "Added", as_json=as_json)


def new(name: str, address: str) -> Target:
    return Target(name) if address == LOCAL else parse(address, name)


def is_key(fingerprint: str) -> Callable[[UnknownHostKey], bool]:
    return lambda unknown: unknown.fingerprint == fingerprint


def list_(as_json: AsJson = False) -> None:
    """List the servers this owner knows."""
    known = inventory.load(os.environ)
    found = [
        {"name": name, "address": each.address, "default": name == known.default}
        for name, each in sorted(known.servers.items())
    ]
    show.rows(found, COLUMNS, as_json=as_json)


def remove(name: NewServer, as_json: AsJson = False) -> None:
    """Forget a server; nothing on it is touched."""
    known = inventory.load(os.environ)
    target = known.get(name)
    known.remove(name)
    tell(target, "Forgot", as_json=as_json)


def use(name: NewServer, as_json: AsJson = False) -> None:
    """Make a server the one that commands talk to when none is named."""
    known = inventory.load(os.environ).use(name)
    tell(known.get(name), "Using", as_json=as_json)


def tell(target: Target, deed: str, *, as_json: bool) -> None:
    if as_json:
        show.data({"name": target.name, "address": target.address})
    else:
        show.say(f"{deed} `{target.name}` ({target.address})")


COMMANDS = {"add": add, "list": list_, "remove": remove, "use": use}
