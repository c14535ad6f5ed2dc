"""
`cinestream setup`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cinestream_ops import engine
from cinestream_ops.channel.target import Target
from cinestream_ops.cli import change, findings, hardening, mongodb, session
from cinestream_ops.cli.options import Changing, ServerName, SetupOptions
from cinestream_ops.cli.session import Session
from cinestream_ops.engine import Carried, clocks
from cinestream_ops.errors import Refused
from cinestream_ops.spec import toml
from cinestream_ops.spec.server import Server

# How long cloud-init and the first apt of a new server may take, where no `--wait` is given.
PATIENCE = 120.0  # seconds


def setup(options: SetupOptions, asked: Changing, name: ServerName = "") -> None:
    """
    Make a bare server a host for sites.

    Says first what it found on the server, and changes nothing where something is in the way.
    Run twice, it finds nothing to do.
    """
    asked = replace(asked, server=name or asked.server)
    with session.opened(asked) as host:
        there = host.house.server
        keys = told(options, host.target, there)
        harder = hardening.chosen(host, options)
        keys |= {"hardening": harder} if harder else {}
        examine(host, asked, keys=closes(there, harder))
        brought = mongodb.chosen(host, options)
        keys = {**keys, "mongodb": brought.table}
        server = toml.edited_server(there, keys) if there else toml.server(keys)
        change.make(
            host,
            host.house.with_server(server),
            asked,
            doing="setup",
            only={""},
            carried=Carried(uploads=brought.uploads, secrets=brought.secrets),
        )


def closes(there: Server | None, harder: Mapping[str, Any]) -> bool:
    """Whether passwords open nothing any more, which they did before."""
    before = there.hardening if there else None
    return bool(harder.get("sshd")) and not (before and before.sshd)


def examine(host: Session, asked: Changing, *, keys: bool) -> None:
    """One report of everything, before the first change; `Refused` if something is in the way."""
    examined = engine.examine(host.conversation, asked.wait or PATIENCE, keys=keys)
    found = [*examined, *clocks.findings(host.found.ahead)]
    findings.tell(found)
    if count := sum(finding["level"] == findings.STOP for finding in found):
        things = "one thing is" if count == 1 else f"{count} things are"
        raise Refused(f"{things} in the way of a setup", "mend what is reported above, then retry")


def told(options: SetupOptions, target: Target, there: Server | None) -> dict[str, Any]:
    """The keys of a spec that the owner named, or that a new server takes from its inventory."""
    directory = options.acme_directory or ("" if there else target.acme_directory)
    named = {"email": options.email, "acme_directory": directory or None}
    keys: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    if options.no_unattended_upgrades:
        keys["unattended_upgrades"] = False
    return keys
