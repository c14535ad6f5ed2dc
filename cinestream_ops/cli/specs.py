"""
What `plan` and `apply` aim at: the server's own specs, or those with the owner's file over them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cinestream_ops.cli import blocks, code, deploying, files, words
from cinestream_ops.cli.session import Session
from cinestream_ops.engine import Carried
from cinestream_ops.spec import house as houses
from cinestream_ops.spec import succession, toml
from cinestream_ops.spec.house import House
from cinestream_ops.spec.names import GivenName
from cinestream_ops.spec.site import BUNDLED, Site


@dataclass(frozen=True)
class Wanted:
    """A house, what it needs to be brought, and the sites that the owner's file named."""

    house: House
    carried: Carried = field(default_factory=Carried)
    named: frozenset[str] | None = None


def wanted(host: Session, file: Path | None) -> Wanted:
    if file is None:
        return Wanted(host.house)
    text = files.text(file)
    try:
        told = toml.parsed(text)
    except tomllib.TOMLDecodeError:
        toml.parse_file(text, str(file))  # It says so with the line.
        raise
    folder = file.expanduser().parent if file != files.STDIN else Path()
    # Paths in a file are meant as seen from where it stands.
    with chdir(folder):
        return over(host, told)


def over(host: Session, told: Mapping[str, Any]) -> Wanted:
    """The server's specs with *told* over them; raises `BadSpec` with all faults."""
    brought: dict[str, code.Code] = {}
    filled = dict(told)
    if isinstance(told.get("sites"), dict):
        placed = blocks.placed(told["sites"], host.house, host.found.facts.listeners)
        filled["sites"] = {
            name: completed(name, table, host.house.sites.get(name), placed.get(name, {}), brought)
            for name, table in told["sites"].items()
        }
    found = toml.parse_file(toml.dump(filled))
    for name, site in found.sites.items():
        refuse_steering(site, host.house.sites.get(name))
    sites = dict(sorted({**host.house.sites, **found.sites}.items()))
    both = houses.sound(House(found.server or host.house.server, sites))
    named = frozenset({*found.sites, *([""] if found.server else [])})
    return Wanted(both, carried(brought), named)


def carried(brought: Mapping[str, code.Code]) -> Carried:
    uploads = {name: blob for each in brought.values() for name, blob in each.uploads.items()}
    origins = {name: each.origin for name, each in brought.items() if each.origin}
    return Carried(uploads=uploads, origins=origins)


def refuse_steering(site: Site, there: Site | None) -> None:
    """What the site that is *there* had before there was this rule is no fault of the file."""
    had = {*there.env, *there.secrets} if there else set()
    for key in {*site.env, *site.secrets} - had:
        words.checked(GivenName, key)


def completed(
    name: str,
    table: Any,
    there: Site | None,
    block: Mapping[str, int],
    brought: dict[str, code.Code],
) -> Any:
    """
    *table* of the site *name* with the *block* of ports it has or may have, the digests of its
    source, and the releases that the site which is *there* may go back to; its code is *brought*.
    """
    if not isinstance(table, dict):
        return table
    own = brought[name] = code.Code() if "release" in table else source(table)
    # A relative path would be another folder's the next time.
    full = {"source": own.keys["source"]} if own.keys else {}
    keys = {**own.keys, **block, **table, **full}
    return {**history(there, keys), **keys}


def history(there: Site | None, keys: Mapping[str, Any]) -> dict[str, Any]:
    """What a spec remembers of releases, and no owner writes into a file."""
    if there is None:
        return {"deployed": deploying.now()} if keys.get("release") else {}
    before, after = toml.told(there), succession.succeeded(there, keys, deploying.now())
    names = ("deployed", "past")
    return {name: {**before, **after}[name] for name in names if name in {**before, **after}}


def source(table: Mapping[str, Any]) -> code.Code:
    """The code that *table* names; nothing where it names it badly: the spec will say how."""
    named, wsgi = table.get("source", BUNDLED), table.get("wsgi", "")
    sound = isinstance(named, str) and isinstance(wsgi, str)
    if not sound or (named == BUNDLED) == bool(wsgi):
        return code.Code()
    return code.read(named, wsgi, None, str(table.get("ref", "")))


def scope(host: Session, names: Collection[str], aim: Wanted) -> Collection[str] | None:
    """The sites to touch: those that are named, those of the file, or None for everything."""
    if names:
        return {name if name in aim.house.sites else host.site(name).name for name in names}
    return aim.named
