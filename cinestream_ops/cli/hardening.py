"""
What `setup` makes harder to get into: what the owner says now, and what they said before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cinestream_ops import engine
from cinestream_ops.cli import show, words
from cinestream_ops.cli.options import SetupOptions
from cinestream_ops.cli.session import Session
from cinestream_ops.errors import Refused
from cinestream_ops.spec.network import Opening
from cinestream_ops.spec.server import Hardening


def chosen(host: Session, options: SetupOptions) -> dict[str, Any]:
    """The table of the spec; empty where nobody has said anything."""
    there = host.house.server
    before = (there.hardening if there else None) or Hardening.model_validate({})
    return named(sshd=sshd(host, options, before)) | inbound(host, options, before)


def named(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def sshd(host: Session, options: SetupOptions, before: Hardening) -> bool | None:
    """On the server itself there is no second way in to be tried: then it is left alone."""
    said = before.sshd if options.sshd is None else options.sshd
    if said is None and host.target.local:
        show.say("sshd is left as it is: `cinestream setup SERVER` from another machine hardens it")
        return None
    return True if said is None else said


def inbound(host: Session, options: SetupOptions, before: Hardening) -> dict[str, Any]:
    said = before.inbound if options.inbound is None else options.inbound
    if not said:
        refuse_idle(options)
        return named(inbound=said)
    told = engine.inbound(host.conversation)
    opened = {*before.open, *(words.checked(Opening, each) for each in options.opened)}
    closed = {words.checked(Opening, each) for each in options.closed}
    if not before.inbound:
        refuse_other(told["firewall"])
        refuse_cut(told["public"], {*opened, *closed})
    ports = sorted(opened - closed, key=lambda each: (each.number, each))
    logins = sorted({*before.logins, *told["logins"]})
    return {"inbound": True, "logins": logins, "open": [str(each) for each in ports]}


def refuse_idle(options: SetupOptions) -> None:
    if options.opened or options.closed:
        raise Refused(
            "`--open` and `--close` are for a firewall that closes all else",
            "give `--inbound` with them",
        )


def refuse_other(table: str) -> None:
    """Two that close ports would both have to let pass what comes in."""
    if table:
        raise Refused(
            f"the server has a firewall already: the nftables table `{table}` drops what comes in",
            "go on with that one (`--no-inbound`), and open 80 and 443 there",
        )


def refuse_cut(public: Mapping[str, str], answered: set[Opening]) -> None:
    """What is reached from elsewhere now is closed by a word of the owner's alone."""
    cut = [f"`{port}` ({who})" for port, who in public.items() if port not in answered]
    if cut:
        port = next(port for port in public if port not in answered)
        raise Refused(
            f"nobody would reach any more what listens on {', '.join(cut)}",
            f"say of each what you want: `--open {port}` or `--close {port}`",
        )
