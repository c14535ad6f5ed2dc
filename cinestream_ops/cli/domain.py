"""
`cinestream domain`: the names that lead to sites.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from cinestream_ops import engine
from cinestream_ops.cli import certificates, change, fail, session, show, words
from cinestream_ops.cli.options import (
    NONE,
    AcmeDirectory,
    Changing,
    Domain,
    MaybeDomains,
    MaybeSite,
    Reading,
    SiteName,
    Staging,
    Www,
)
from cinestream_ops.cli.session import Session
from cinestream_ops.errors import NotFound
from cinestream_ops.spec import toml
from cinestream_ops.spec.domains import DomainName
from cinestream_ops.spec.house import House
from cinestream_ops.spec.site import Site

COLUMNS = {
    "site": "site",
    "domain": "domain",
    "names": "names",
    "state": "state",
    "until": "until",
    "why": "why",
}
CHECKED = {"name": "domain", "a": "A", "aaaa": "AAAA", "caa": "CAA", "reaches": "reaches it"}


def add(
    site: SiteName,
    domain: Domain,
    asked: Changing,
    www: Www = False,
    staging: Staging = False,
    acme_directory: AcmeDirectory = None,
) -> None:
    """Lead a domain to a site, and get it a certificate."""
    name = words.checked(DomainName, domain)
    table = {"name": name, "www": www, "staging": staging, "acme_directory": acme_directory or ""}
    with session.opened(asked) as host:
        there = host.site(site)
        others = [each for each in told(there) if each["name"] != name]
        wanted = with_domains(host, there, [*others, table])
        change.make(host, wanted, asked, doing=f"domain add {site} {name}", only={site})


def remove(site: SiteName, domain: Domain, asked: Changing) -> None:
    """Lead a domain to a site no longer; the site's other domains stay as they are."""
    name = words.checked(DomainName, domain)
    with session.opened(asked) as host:
        there = host.site(site)
        rest = [each for each in told(there) if each["name"] != name]
        if len(rest) == len(there.domains):
            known = [each.name for each in there.domains]
            hint = f"its domains: {', '.join(f'`{each}`' for each in known)}" if known else ""
            raise NotFound(f"`{name}` is no domain of `{site}`", hint)
        wanted = with_domains(host, there, rest)
        change.make(host, wanted, asked, doing=f"domain remove {site} {name}", only={site})


def told(site: Site) -> list[dict[str, Any]]:
    return [toml.told(each) for each in site.domains]


def with_domains(host: Session, site: Site, tables: list[dict[str, Any]]) -> House:
    return host.house.with_site(toml.edited(site, {"domains": tables}))


def list_(asked: Reading, name: MaybeSite = "") -> None:
    """List domains, and how their certificates stand."""
    with session.opened(asked) as host:
        sites = [host.site(name)] if name else list(host.house.sites.values())
        known = host.found.facts.certificates
        found = [row for site in sites for row in rows(site, known)]
    show.rows(found, COLUMNS, as_json=asked.as_json)


def rows(site: Site, known: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for domain in site.domains:
        named = {"site": site.name, "domain": domain.name, "names": list(domain.names)}
        yield {**named, **certificates.standing(known.get(domain.name, {}))}


def check(asked: Reading, names: MaybeDomains = NONE) -> None:
    """Look domains up, and see whether they reach this server and what it serves for them."""
    checked = [words.checked(DomainName, name) for name in names]
    with session.opened(asked) as host:
        every = [name for site in host.house.sites.values() for name in site.names]
        found = engine.check_domain(host.conversation, checked or every)
    show.rows([reached(each) for each in found], CHECKED, as_json=asked.as_json)
    lost = [each for each in found if each["why"]]
    for each in lost:
        show.warning(each["why"], each["hint"])
    shut_out = [each for each in found if each["shut_out"]]
    for each in shut_out:
        why = f"is reached from the server itself, and not from here: {each['shut_out']}"
        show.warning(f"`{each['name']}` {why}", engine.FIREWALL)
    if lost or shut_out:
        raise typer.Exit(fail.REFUSED)


def reached(finding: Mapping[str, Any]) -> dict[str, Any]:
    """*finding*, and whether each of its addresses led to this server, from here as well."""
    answers = list(finding["token"].values())
    there = bool(answers) and not any(answers)
    return {**finding, "reaches": there and not finding["shut_out"]}


COMMANDS = {"add": add, "remove": remove, "list": list_, "check": check}
