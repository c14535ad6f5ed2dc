"""
The domain names of one site: for each a file of nginx's, and a certificate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cinestream_ops.desired import nginx, places
from cinestream_ops.desired.scene import Scene
from cinestream_ops.render import render
from cinestream_ops.spec.server import LETS_ENCRYPT, LETS_ENCRYPT_STAGING
from cinestream_ops.spec.site import Domain, Site
from cinestream_ops.state import paths
from cinestream_ops.state.items import Certificate, File, Item


@dataclass(frozen=True)
class DomainConf:
    """What the file of a domain is made of; the first of the *names* stays in the address bar."""

    site: str
    names: tuple[str, ...]
    lineage: str
    doors: tuple[nginx.Door, ...]
    static: str
    greets: bool
    h2_listen: bool
    h2_directive: bool
    ipv6: bool
    away: nginx.Away | None
    upload: int | None
    timeout: int | None


def items(site: Site, scene: Scene) -> Iterator[Item]:
    for domain in site.domains:
        yield from domain_items(site, domain, scene)


def domain_items(site: Site, domain: Domain, scene: Scene) -> Iterator[Item]:
    path = f"{places.domains(site)}/{domain.name}.conf"
    yield File(path, served(site, domain, scene).encode())
    tls = render("nginx/https.conf", domain_conf(site, domain, domain.names, scene))
    yield certificate(domain, scene, path, tls.encode())


def served(site: Site, domain: Domain, scene: Scene) -> str:
    """
    What can be served with the certificate that is there.

    A name that it lacks is served without TLS; the others stay on it, since a browser that has
    seen them there once comes back no other way (HSTS).
    """
    there = scene.certificates.get(domain.name, {}).get("names", ())
    ways = {
        "nginx/https.conf": tuple(name for name in domain.names if name in there),
        "nginx/http.conf": tuple(name for name in domain.names if name not in there),
    }
    return "\n".join(
        render(template, domain_conf(site, domain, names, scene))
        for template, names in ways.items()
        if names
    )


def domain_conf(site: Site, domain: Domain, names: tuple[str, ...], scene: Scene) -> DomainConf:
    return DomainConf(
        site=site.name,
        names=names,
        lineage=domain.name,
        doors=nginx.doors(site),
        static=nginx.static(site),
        greets=nginx.greets(site, scene.nginx),
        h2_listen=scene.nginx.h2_listen,
        h2_directive=scene.nginx.h2_directive,
        ipv6=scene.nginx.ipv6,
        away=nginx.away(site),
        upload=site.upload,
        timeout=site.timeout,
    )


def certificate(domain: Domain, scene: Scene, path: str, conf: bytes) -> Certificate:
    authority = directory(domain, scene)
    return Certificate(
        lineage=domain.name,
        names=domain.names,
        conf_path=path,
        conf=conf,
        webroot=paths.WEBROOT,
        directory=authority,
        # No other authority tells where it may be rehearsed with.
        staging=LETS_ENCRYPT_STAGING if authority == LETS_ENCRYPT else "",
        email=scene.server.email,
    )


def directory(domain: Domain, scene: Scene) -> str:
    wanted = domain.acme_directory or scene.server.acme_directory
    return LETS_ENCRYPT_STAGING if domain.staging and wanted == LETS_ENCRYPT else wanted
