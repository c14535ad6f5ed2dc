"""
`cinestream add-site`.
"""

from __future__ import annotations

from typing import Any

from cinestream_ops.cli import (
    capacity,
    change,
    code,
    deploying,
    env_file,
    files,
    session,
    words,
)
from cinestream_ops.cli.options import (
    NONE,
    AcceptErrors,
    Changing,
    Domains,
    EnvFile,
    NoDatabase,
    Port,
    SiteName,
    SiteOptions,
)
from cinestream_ops.cli.session import Session
from cinestream_ops.errors import OpsError
from cinestream_ops.spec import names, ports, toml
from cinestream_ops.spec.secret import Secret
from cinestream_ops.spec.site import Site


def add_site(
    name: SiteName,
    options: SiteOptions,
    asked: Changing,
    domains: Domains = NONE,
    port: Port = None,
    env_from: EnvFile = None,
    no_database: NoDatabase = False,
    accept_errors: AcceptErrors = False,
) -> None:
    """
    Add a site: its user, workers, nginx site, database and certificates.

    Without --source it is the site that comes with cinestream.
    """
    words.checked(names.SiteName, name)
    brought = code.asked(options)
    hooks = {"hooks": options.hooks} if any(options.hooks.values()) else {}
    secrets = env_file.values(files.text(env_from), str(env_from)) if env_from else {}
    for key in secrets:
        words.checked(names.GivenName, key)
    keys = {
        **brought.keys,
        **options.plain,
        **hooks,
        "domains": list(domains),
        "secrets": list(secrets),
        "deployed": deploying.now(),
    }
    with session.opened(asked) as host:
        host.need_server()
        site = wanted(host, name, {**keys, "port": port, "database": not no_database})
        house = host.house.with_site(site)
        capacity.warn(house, host.found.facts.machine)
        change.make(
            host,
            house,
            asked,
            doing=f"add-site {name}",
            only={name},
            carried=brought.carried(name, hidden(name, secrets)),
            accept_errors=accept_errors,
        )


def wanted(host: Session, name: str, keys: dict[str, Any]) -> Site:
    """The new site; or the one that is there, if it is as it is asked for."""
    if there := host.house.sites.get(name):
        refuse_other(there, keys)
        return there
    workers = keys.get("workers", 24)
    block = ports.next_block(host.house, host.found.facts.listeners, workers)
    size = min(ports.reserve(workers) if keys["port"] else len(block), 1000)
    site = toml.site(name, {**keys, "port": keys["port"] or block.start, "reserve": size})
    ports.refuse_taken(site, host.house, host.found.facts.listeners)
    return site


def refuse_other(there: Site, keys: dict[str, Any]) -> None:
    """Running a command twice is no mistake; another site of the same name is."""
    now = toml.told(there)
    same = ("workers", "balance", "source", "wsgi", "port", "memory", "upload", "timeout")
    other = [key for key in same if keys.get(key) and keys[key] != now.get(key)]
    missing = set(keys["domains"]) - {domain.name for domain in there.domains}
    if other or missing or keys["database"] != bool(there.database):
        raise OpsError(
            f"there is a site `{there.name}` already, with other settings",
            f"`cinestream edit-site {there.name}` changes it, `cinestream show` tells how it is",
        )


def hidden(name: str, secrets: dict[str, str]) -> dict[str, Secret]:
    return {f"{name}/{key}": Secret(value) for key, value in secrets.items()}
