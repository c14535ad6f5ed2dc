"""
What nginx is told: once for the server, and once for each site.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cinestream_ops.desired import places
from cinestream_ops.desired.features import Features
from cinestream_ops.desired.scene import Scene
from cinestream_ops.desired.texts import file
from cinestream_ops.spec.maintenance import Maintenance
from cinestream_ops.spec.site import Site
from cinestream_ops.state import paths
from cinestream_ops.state.items import Absent, Directory, Item, Symlink, Unit

# 64 KiB of shared memory hold more than so many workers.
WORKERS_A_ZONE = 64
DROP_INS = "nginx.service.d"
DOWN = "This site cannot answer right now. Please try again in a moment."
# What tells of a visitor's way, of the address that they asked for, or of who they are, and is set
# by proxies and content networks, of which none stands before this server.
HEARSAY = (
    "CF-Connecting-IP", "CF-Visitor", "Client-IP", "Cluster-Client-IP", "Fastly-Client-IP",
    "Forwarded", "Forwarded-For", "Front-End-Https", "Proxy", "Script-Name", "True-Client-IP",
    "X-Appengine-User-IP", "X-Client-IP", "X-Cluster-Client-IP", "X-Forwarded", "X-Forwarded-By",
    "X-Forwarded-Path", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Protocol",
    "X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Ssl", "X-Forwarded-URI",
    "X-Forwarded-User", "X-Host", "X-HTTP-Host-Override", "X-Original-For", "X-Original-Host",
    "X-Original-Proto", "X-Original-URI", "X-Original-URL", "X-Originating-IP", "X-ProxyUser-IP",
    "X-Remote-Addr", "X-Remote-IP", "X-Rewrite-URL", "X-Scheme", "X-Script-Name", "X-Url-Scheme",
)  # fmt: skip
STOPPED = "This site is stopped at the moment."
MAINTENANCE = "This site is being worked on, and will be back soon."


@dataclass(frozen=True)
class Shared:
    """*down* is the path of the page that stands for a site none of whose workers answers."""

    webroot: str
    down: str
    hearsay: tuple[str, ...] = HEARSAY


@dataclass(frozen=True)
class Room:
    """How many files nginx may hold open: with the 1024 of systemd, 500 sites are too many."""

    room: int = 16384


@dataclass(frozen=True)
class Zone:
    """Where nginx counts for one limit.  nginx never takes another key for a zone it has."""

    name: str
    rate: str
    posts: bool


@dataclass(frozen=True)
class Door:
    """A path that is answered in a way of its own; what is empty or 0 is as everywhere."""

    path: str
    zone: str
    burst: int
    cookie: str


@dataclass(frozen=True)
class Away:
    """
    What stands in place of a site: the path of a *page*, with status 503.

    It is for *everybody*, or for those alone who do not ask from this server; *retry_after* is in
    seconds.
    """

    page: str
    retry_after: int
    everybody: bool


@dataclass(frozen=True)
class Page:
    """What that page is made of; the *language* of an owner's message is not known."""

    message: str
    language: str


@dataclass(frozen=True)
class SiteConf:
    """
    What the file of a site is made of; *zone* in KiB, *upload* in MiB, *timeout* in seconds, both
    None where they are as for all sites.
    """

    site: str
    local_host: str
    ports: range
    balance: str
    zone: int
    zones: tuple[Zone, ...]
    doors: tuple[Door, ...]
    static: str
    greets: bool
    ipv6: bool
    away: Away | None
    upload: int | None
    timeout: int | None


def of_server(scene: Scene) -> Iterator[Item]:
    shared = Shared(paths.WEBROOT, places.nginx("cinestream/down.html"))
    yield Directory(places.nginx("cinestream"))
    yield file(shared.down, "nginx/away.html", Page(DOWN, "en"))
    for name in ("acme.inc", "away.inc", "proxy.inc", "tls.inc"):
        yield file(places.nginx(f"cinestream/{name}"), f"nginx/{name}", shared)
    yield file(places.nginx("conf.d/cinestream.conf"), "nginx/cinestream.conf", scene.nginx)
    yield Absent(paths.NGINX_DEFAULT)
    yield Directory(places.unit(DROP_INS))
    yield file(places.unit(f"{DROP_INS}/cinestream.conf"), "systemd/nginx-room.conf", Room())
    yield Unit("nginx.service")


def of_site(site: Site, scene: Scene) -> Iterator[Item]:
    available = places.nginx(f"sites-available/{site.name}.conf")
    yield Directory(places.domains(site))
    yield file(available, "nginx/site.conf", site_conf(site, scene.nginx))
    yield Symlink(places.nginx(f"sites-enabled/{site.name}.conf"), available)
    if instead := away(site):
        yield file(instead.page, "nginx/away.html", page(site))


def site_conf(site: Site, nginx: Features) -> SiteConf:
    return SiteConf(
        site=site.name,
        local_host=paths.local_host(site.name),
        ports=site.ports,
        balance=balance(site, nginx),
        zone=64 * -(-site.workers // WORKERS_A_ZONE),
        zones=tuple(zones(site).values()),
        doors=doors(site),
        static=static(site),
        greets=greets(site, nginx),
        ipv6=nginx.ipv6,
        away=away(site),
        upload=site.upload,
        timeout=site.timeout,
    )


def away(site: Site) -> Away | None:
    if not site.stopped and not site.maintenance:
        return None
    asked = site.maintenance or Maintenance()
    return Away(places.page(site), asked.retry_after, everybody=site.stopped)


def page(site: Site) -> Page:
    if site.maintenance and site.maintenance.message:
        return Page(site.maintenance.message, "")
    return Page(STOPPED if site.stopped else MAINTENANCE, "en")


def zones(site: Site) -> dict[str, Zone]:
    """For each path that has a limit."""
    return {
        limit.path: Zone(
            f"cinestream_{site.name}_{limit.method}_{number}", limit.rate, limit.method == "POST"
        )
        for number, limit in enumerate(site.limits, 1)
    }


def doors(site: Site) -> tuple[Door, ...]:
    counted = zones(site)
    bursts: dict[str, int] = {limit.path: limit.burst for limit in site.limits}
    cookies: dict[str, str] = {cache.path: cache.unless_cookie for cache in site.caches}
    return tuple(
        Door(
            path,
            counted[path].name if path in counted else "",
            bursts.get(path, 0),
            cookies.get(path, ""),
        )
        for path in dict.fromkeys([*counted, *cookies])
    )


def balance(site: Site, nginx: Features) -> str:
    if site.balance == "cookie":
        return "sticky" if nginx.sticky else "hash"
    return site.balance


def greets(site: Site, nginx: Features) -> bool:
    """Whether we hand out the cookie, because this nginx cannot by itself."""
    return balance(site, nginx) == "hash"


def static(site: Site) -> str:
    return f"{places.home(site)}/static" if site.static else ""
