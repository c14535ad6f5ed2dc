"""
What visitors meet, in sentences: what keeps them away, and what its owner can do.

The server is asked once; the sentences are made without it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.desired.firewall import TABLE
from cinestream_ops.engine.ailments import Finding, finding
from cinestream_ops.engine.looking import Found
from cinestream_ops.state import items, paths

Told = Mapping[str, Any]
NOBODY: Told = {}
MEND = "mend its files on the server until `nginx -t` says nothing"
WHY = "`journalctl -u nginx` on the server tells why"


def facing(conversation: Conversation, found: Found, names: Collection[str]) -> Told:
    """What visitors of the sites *names* meet; empty of a server that is none of ours yet."""
    if not found.house.server:
        return NOBODY
    sites = [found.house.sites[name] for name in names]
    domains = {each.name: list(each.names) for site in sites for each in site.domains}
    return conversation.ask({"do": "visitors", "table": items.words(TABLE), "domains": domains})


def of_server(told: Told) -> Iterator[Finding]:
    """What all visitors notice, now or when the server starts again."""
    if not told:
        return
    if told["nginx"]:
        what = f"nginx does not run (`{told['nginx']}`): no visitor reaches a site"
        hint = MEND if told["test"] else "`cinestream apply` starts it"
        yield finding("stop", what, f"{hint}; {WHY}")
    if told["test"]:
        what = f"nginx would not start again with its files as they are: {told['test']}"
        yield finding("stop", what, MEND)
    if not (told["table"] or {}).get("whole"):
        how = "is not what its files make" if told["table"] else "is gone from the kernel"
        what = f"the nftables table `{TABLE.table}` {how}: any local user may reach workers"
        yield finding("stop", what, "`cinestream apply` loads it again")


def of_site(told: Told, site: Told, lineages: Mapping[str, Collection[str]]) -> Iterator[Finding]:
    """What visitors of *site* notice beside that; *lineages* are its domains with their names."""
    if not told:
        return
    if not told["nginx"]:
        names = [name for each in lineages.values() for name in each]
        yield from answering(told, site, names)
    for lineage in lineages:
        yield from renewing(told, site["name"], lineage)


def answering(told: Told, site: Told, names: Collection[str]) -> Iterator[Finding]:
    # Workers that cannot serve are told of by themselves.
    well = not site["stopped"] and all(each["ready"] for each in site["workers"])
    for name in names:
        answer = told["answers"].get(name, {"why": ""})
        if not answer["why"] or (("code" in answer or "late" in answer) and not well):
            continue
        level = "warn" if answer.get("late") else "stop"
        yield finding(
            level, f"`{name}` of `{site['name']}` {answer['why']}", help_for(answer, site)
        )


def help_for(answer: Told, site: Told) -> str:
    if "code" in answer or "late" in answer:
        return f"`cinestream logs {site['name']}` tells what the application does"
    return (
        "`nginx -T` on the server shows what else has that name; "
        "`systemctl reload nginx` there has it read its files and certificates again"
    )


def renewing(told: Told, site: str, lineage: str) -> Iterator[Finding]:
    why = told["renewals"].get(lineage)
    if why:
        what = f"the certificate of `{lineage}` of `{site}` cannot be renewed: {why}"
        lines = f"`authenticator = webroot` and `webroot_path = {paths.WEBROOT},`"
        proof = f"`certbot renew --dry-run --cert-name {lineage}` proves it"
        yield finding("stop", what, f"have {lines} in that file on the server; {proof}")
    elif why is not None and told["renewing"]:
        what = "the last renewal of certificates failed"
        yield finding("warn", what, "`journalctl -u certbot` on the server tells why")
