"""
The backup of a site that its server makes: a timer, and what runs when it elapses.

The directory of the backups is no item: what a site leaves behind, its backups outlive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cinestream_ops.desired import places
from cinestream_ops.desired.scene import Scene
from cinestream_ops.desired.texts import file
from cinestream_ops.spec.saving import Saving
from cinestream_ops.spec.site import Site
from cinestream_ops.state import paths
from cinestream_ops.state.items import Item, Package, Unit

AGE = "age"


@dataclass(frozen=True)
class Context:
    """What both units are made of; *words* are those that our program is given."""

    site: str
    agent: str
    records: str
    incoming: str
    directory: str
    words: tuple[str, ...]
    loopback: bool
    daily: str


def items(site: Site, scene: Scene) -> Iterator[Item]:
    if not site.backup:
        return
    yield Package(AGE)
    context = Context(
        site=site.name,
        agent=paths.AGENT,
        records=f"{paths.HOME}/backups",
        incoming=f"{paths.HOME}/incoming",
        directory=f"{site.backup.directory}/{site.name}",
        words=tuple(words(site, site.backup, scene)),
        loopback=scene.server.mongodb.mode != "external",
        daily=site.backup.daily,
    )
    for end in ("service", "timer"):
        name = unit(site.name, end)
        yield file(places.unit(name), f"systemd/cinestream-backup.{end}", context)
    timer = unit(site.name, "timer")
    yield Unit(timer, restart_on=(f"file:{places.unit(timer)}",))


def unit(site: str, end: str) -> str:
    # No site's own units have such a name, since none is called `cinestream-...`.
    return f"cinestream-backup-{site}.{end}"


def words(site: Site, saving: Saving, scene: Scene) -> Iterator[str]:
    yield f"site={site.name}"
    yield f"user={site.user}"
    yield f"home={places.home(site)}"
    if site.database and scene.has_databases:
        yield f"database={site.database_name}"
    yield f"to={saving.directory}"
    yield f"keep={saving.keep}"
    yield f"recipient={saving.recipient}"
