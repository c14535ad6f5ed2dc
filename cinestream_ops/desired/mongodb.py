"""
MongoDB: the server that runs it, and for each site a user, a database and its indexes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from cinestream_ops.desired import places
from cinestream_ops.desired.scene import Scene
from cinestream_ops.desired.texts import file
from cinestream_ops.spec.site import Index, Site
from cinestream_ops.state import paths
from cinestream_ops.state.items import (
    Archive,
    Directory,
    EnvFile,
    Item,
    MongoAdmin,
    MongoIndexes,
    MongoUser,
    Symlink,
    Unit,
    User,
)

USER = "mongodb"
# One elsewhere goes before our own, whose password outlives a time without it.
ADMIN_KEY, ELSEWHERE_KEY = "MONGODB_ADMIN_URI", "MONGODB_ELSEWHERE_URI"
CONF = f"{paths.MONGODB}/mongod.conf"
UNIT, PORT = "mongodb.service", 27017


@dataclass(frozen=True)
class Mongod:
    """What mongod's files are made of; *cache* in GiB."""

    root: str
    cache: str


def of_server(scene: Scene) -> Iterator[Item]:
    if scene.server.mongodb.mode == "external":
        yield EnvFile(paths.MONGODB_ENV, "root", "root", secrets=(ELSEWHERE_KEY,))
    if scene.server.mongodb.mode == "archive":
        yield from run_here(scene)


def run_here(scene: Scene) -> Iterator[Item]:
    yield User(USER, paths.MONGODB)
    yield from folders()
    yield from program(scene)
    yield from files(scene)
    yield EnvFile(
        paths.MONGODB_ENV,
        "root",
        "root",
        generated=((ADMIN_KEY, "mongodb-uri admin cinestream"),),
        dropped=(ELSEWHERE_KEY,),
    )
    keys = (f"file:{CONF}", f"file:{places.unit(UNIT)}", f"symlink:{paths.MONGODB}/current")
    yield Unit(UNIT, restart_on=keys)
    yield MongoAdmin(paths.MONGODB_ENV)


def folders() -> Iterator[Item]:
    yield Directory(paths.MONGODB)
    yield Directory(f"{paths.MONGODB}/versions")
    yield Directory(f"{paths.MONGODB}/data", 0o700, USER, USER)
    yield Directory(f"{paths.MONGODB}/logs", 0o750, USER, USER)


def program(scene: Scene) -> Iterator[Item]:
    asked = scene.server.mongodb
    version = f"versions/{asked.sha256[: places.SHORT]}"
    yield Archive(f"{paths.MONGODB}/{version}", asked.sha256, asked.url)
    yield Symlink(f"{paths.MONGODB}/current", version)


def files(scene: Scene) -> Iterator[Item]:
    context = Mongod(paths.MONGODB, f"{cache(scene):.2f}")
    yield file(CONF, "mongod/mongod.conf", context)
    yield file(places.unit(UNIT), "systemd/mongodb.service", context)
    yield file("/etc/logrotate.d/cinestream-mongodb", "logrotate/mongodb", context)


def cache(scene: Scene) -> float:
    """
    GiB for WiredTiger's cache: a quarter of the memory, at least 0.25 and at most 4.

    MongoDB's own default is half of it, as if nothing else ran there; here sites do.  It is
    counted in quarters, so that a kernel that counts memory a little differently changes nothing.
    """
    asked = scene.server.mongodb.cache
    if asked:
        return asked / 1024
    quarters = scene.machine.memory // 4 // 2**28
    return max(0.25, min(quarters / 4, 4.0))


def of_site(site: Site, scene: Scene) -> Iterator[Item]:
    if not (site.database and scene.has_databases):
        return
    yield MongoUser(site.user, site.database_name, places.env(site))
    if site.indexes:
        yield MongoIndexes(site.database_name, tuple(told(index) for index in site.indexes))


def told(index: Index) -> str:
    """*index* as JSON, with the keys that `site.toml` has for it."""
    return json.dumps(index.model_dump(mode="json", exclude_defaults=True))
