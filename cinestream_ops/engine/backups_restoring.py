"""
A site out of a backup: what it will be, and the road there.

Its data, `.env` and database are put where nothing stands; then it is added as any other site is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from cinestream_ops.agent import dotenv
from cinestream_ops.channel.conversation import Blob, Conversation, Event
from cinestream_ops.engine import staging
from cinestream_ops.engine.applying import Outcome, apply
from cinestream_ops.engine.backups import answered, collections, has_database, saving
from cinestream_ops.engine.backups_folder import Stored, content
from cinestream_ops.engine.carried import Carried
from cinestream_ops.engine.cloning import at_home
from cinestream_ops.engine.looking import Found, look
from cinestream_ops.engine.planning import plan
from cinestream_ops.errors import BadSpec, Fault, OpsError
from cinestream_ops.plan import Plan
from cinestream_ops.spec import ports, toml
from cinestream_ops.spec.backup import DATA, REQUIREMENTS, SOURCE, SPEC, Manifest, PartName
from cinestream_ops.spec.house import House
from cinestream_ops.spec.reserved import DATABASE_ENVIRONMENT
from cinestream_ops.spec.site import Site
from cinestream_ops.state import environment

# Releases before the one that was saved are not in the backup.
FORGOTTEN = ("past",)


@dataclass(frozen=True)
class Restoring:
    """The *site* that is to come out of the backup in *folder*, and its `.env`."""

    folder: Stored
    manifest: Manifest
    site: Site
    env: str

    @property
    def carried(self) -> Carried:
        names = [PartName(name) for name in (SOURCE, REQUIREMENTS)]
        here = [name for name in names if name in self.manifest.parts]
        return Carried(
            uploads={self.manifest.parts[name].sha256: self.folder / name for name in here}
        )


def site_of(
    folder: Stored, saved: Manifest, name: str, found: Found, left_out: Collection[str] = ()
) -> Site:
    """
    The site in the backup, as *name* and on ports that are free, without the variables *left_out*.

    Raises `OpsError` when the name is taken or the server has no place for its database.
    """
    if name in found.house.sites:
        raise OpsError(
            f"there is a site `{name}` already", "restore it under another name: `--as NAME`"
        )
    table = read_spec(folder, saved)
    digests = {
        key: saved.parts[PartName(part)].sha256
        for key, part in (("release", SOURCE), ("requirements", REQUIREMENTS))
        if part in saved.parts
    }
    kept = {key: value for key, value in table.items() if key not in FORGOTTEN}
    # It is loaded under the name of the site, whatever it was called.
    called = {"database": bool(kept["database"])} if "database" in kept else {}
    table = at_home({**without(kept, left_out), **digests, **called}, saved.site, name)
    site = toml.site(name, table)
    if saved.database and not has_database(found, site):
        raise OpsError(
            f"`{name}` has a database, and this server has no MongoDB",
            "`cinestream setup --mongodb archive` brings it",
        )
    return with_free_ports(site, found)


def without(table: Mapping[str, Any], left_out: Collection[str]) -> dict[str, Any]:
    """*table* without the variables *left_out*; what is malformed is for the spec to tell."""
    env, secrets = table.get("env"), table.get("secrets")
    kept = dict(table)
    if isinstance(env, dict):
        kept["env"] = {key: each for key, each in env.items() if key not in left_out}
    if isinstance(secrets, list):
        kept["secrets"] = [key for key in secrets if key not in left_out]
    return kept


def refuse_small_server(saved: Manifest, found: Found) -> None:
    """What is uploaded lies there twice, until it is unpacked."""
    needed, free = 2 * saved.size, found.facts.machine.disk_free
    if needed > free:
        raise OpsError(
            f"the site takes about {needed >> 20} MiB, and the server has {free >> 20} MiB free",
            "make room there, or restore it on a larger server",
        )


def read_spec(folder: Stored, saved: Manifest) -> dict[str, Any]:
    try:
        return toml.parsed(content(folder, saved, PartName(SPEC)).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        where = str(folder / SPEC)
        raise BadSpec([Fault(where, "is not TOML", "the backup is damaged")]) from None


def with_free_ports(site: Site, found: Found) -> Site:
    """*site* on its own ports if nobody has them, else on the next block."""
    others = found.house.sites.values()
    if not any(ports.overlap(site.block, other.block) for other in others) and not (
        set(site.ports) & set(found.facts.listeners)
    ):
        return site
    port = ports.next_port(found.house, found.facts.listeners, site.reserve)
    return toml.edited(site, {"port": port})


def env_for(site: Site, text: str, left_out: Collection[str] = ()) -> str:
    """
    What the new site takes over of the old `.env`; all else is made anew.

    A database's URI holds the name, the host and the password of where it was.  Raises `OpsError`
    when the text says which program runs.
    """
    anew = DATABASE_ENVIRONMENT if site.database else frozenset()
    # To systemd, this ends a line too.
    entries = dotenv.entries(text.replace("\r", "\n"))
    kept = {name: entry for name, entry in entries.items() if name not in {*anew, *left_out}}
    refuse_steering([*kept, *site.env, *site.secrets])
    return "".join(f"{entry}\n" for entry in kept.values())


def refuse_steering(names: Collection[str]) -> None:
    if found := environment.steering(set(names)):
        listed = ", ".join(f"`{name}`" for name in found)
        raise OpsError(
            f"the `.env` in the backup decides which program runs: it sets {listed}",
            f"`--leave-out {found[0]}` restores the site without it; if you never set it, somebody "
            "else has written this backup",
        )


def refuse_occupied(conversation: Conversation, found: Found, restoring: Restoring) -> None:
    answered(conversation, {**saving(found, restoring.site), "act": "occupied"})


def restore(
    conversation: Conversation,
    restoring: Restoring,
    *,
    doing: str,
    wait: float,
    report: Callable[[Plan], Callable[[Event], None]],
) -> tuple[Outcome, list[dict[str, str]]]:
    """
    Bring the site up with all that it had, and tell which SQLite databases are not whole.

    Raises `OpsError`, and the server is as it was.

    *report* makes, of a plan, what hears its events.
    """
    found = look(conversation, wait=wait)
    house = found.house.with_site(restoring.site)
    with staged(conversation, found, restoring, doing, wait) as told:
        found = look(conversation, wait=wait)
        made = plan_of(conversation, found, house, restoring, {restoring.site.name})
        outcome = apply(
            conversation,
            made,
            carried=restoring.carried,
            doing=doing,
            wait=wait,
            report=report(made),
        )
    return outcome, told["faults"]


def plan_of(
    conversation: Conversation,
    found: Found,
    house: House,
    restoring: Restoring,
    only: Collection[str],
) -> Plan:
    return plan(conversation, found, house, only=only, carried=restoring.carried, arrived=only)


def staged(
    conversation: Conversation, found: Found, restoring: Restoring, doing: str, wait: float
) -> AbstractContextManager[Event]:
    """Data, `.env` and database are there within the block, and stay if it ends well."""
    named, blobs = collections(restoring.folder, restoring.manifest)
    data = restoring.manifest.parts[PartName(DATA)].sha256
    order = {
        **staging.order(saving(found, restoring.site), restoring.site, doing, wait),
        "collections": named,
        "data": data,
    }
    uploads: dict[str, Blob] = {
        **blobs,
        data: restoring.folder / DATA,
        "secret:env": restoring.env.encode(errors="surrogateescape"),
    }
    return staging.staged(conversation, {**order, "act": "stage"}, uploads)
