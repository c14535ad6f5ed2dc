"""
One site: its user, its folders, its code, its environment, and everything made of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from cinestream_ops.desired import (
    backups,
    domains,
    firewall,
    golive,
    mongodb,
    nginx,
    places,
    specs,
    units,
)
from cinestream_ops.desired.scene import Scene
from cinestream_ops.spec.site import Site
from cinestream_ops.state import homes
from cinestream_ops.state.items import (
    Directory,
    EnvFile,
    Item,
    Release,
    Symlink,
    User,
    Venv,
)


def items(site: Site, scene: Scene) -> Iterator[Item]:
    yield specs.site(site)
    yield User(site.user, places.home(site))
    yield from folders(site)
    yield env(site, scene)
    yield from code(site)
    yield from mongodb.of_site(site, scene)
    yield firewall.of_site(site)
    yield from units.items(site, scene)
    yield from backups.items(site, scene)
    yield from nginx.of_site(site, scene)
    yield from domains.items(site, scene)


def folders(site: Site) -> Iterator[Item]:
    home = places.home(site)
    yield homes.home(home, site.user)
    yield Directory(f"{home}/venvs")
    yield Directory(f"{home}/releases")
    yield Directory(places.data(site), 0o700, site.user, site.user)


def env(site: Site, scene: Scene) -> EnvFile:
    """The `.env`: what anyone may see, what the server makes up itself, and what was brought."""
    plain = {"SITE": str(site.name), **{str(name): str(text) for name, text in site.env.items()}}
    made = {"SECRET_KEY": "token"}
    if site.database and scene.has_databases:
        plain["MONGODB_DATABASE"] = site.database_name
        made["MONGODB_URI"] = f"mongodb-uri {site.database_name} {site.user}"
    return EnvFile(
        path=places.env(site),
        owner=site.user,
        group=site.user,
        plain=tuple(sorted(plain.items())),
        generated=tuple(made.items()),
        secrets=tuple(sorted(site.secrets)),
    )


def code(site: Site) -> Iterator[Item]:
    """What is deployed; a site that waits for its first deploy has none of it."""
    home = places.home(site)
    if site.release:
        yield Release(places.release(site), site.release)
        yield Symlink(f"{home}/src", places.release(site).removeprefix(f"{home}/"))
    if site.requirements:
        yield Venv(places.venv(site), site.requirements, sources=tuple(sorted(site.allow_source)))
        yield Symlink(f"{home}/venv", places.venv(site).removeprefix(f"{home}/"))
    if site.static:
        yield Symlink(f"{home}/static", f"src/{site.static}")
    yield from spares(site)
    if deployed(site):
        yield from golive.hooks(site)
        yield golive.trial(site)
        if not site.bundled:
            yield golive.importable(site)


def spares(site: Site) -> Iterator[Item]:
    """What a roll-back needs."""
    home = places.home(site)
    for digest in sorted({past.release for past in site.past} - {site.release}):
        yield Release(f"{home}/releases/{digest[: places.SHORT]}", digest, spare=True)
    for digest in sorted({past.requirements for past in site.past} - {site.requirements}):
        yield Venv(f"{home}/venvs/{digest[: places.SHORT]}", digest, spare=True)


def deployed(site: Site) -> bool:
    return bool(site.release and site.requirements)
