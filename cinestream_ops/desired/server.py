"""
The server itself: packages, folders, our own programs and units, and what all sites share.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cinestream_ops.desired import firewall, hardening, mongodb, nginx, places, specs
from cinestream_ops.desired.scene import Scene
from cinestream_ops.desired.shipped import Shipped
from cinestream_ops.desired.texts import file
from cinestream_ops.spec.server import Server
from cinestream_ops.state import paths
from cinestream_ops.state.facts import Machine
from cinestream_ops.state.items import (
    Directory,
    File,
    Item,
    Package,
    Release,
    Symlink,
    Unit,
    User,
    Venv,
    digest,
)

PACKAGES = (
    "ca-certificates", "certbot", "logrotate", "nftables", "nginx", "python3-venv", "ssl-cert",
)  # fmt: skip
HOOKS = "/etc/letsencrypt/renewal-hooks"
RECOVER = "cinestream-recover.service"
CERTIFICATES = "cinestream-certificates"


@dataclass(frozen=True)
class Programs:
    agent: str


def items(scene: Scene, shipped: Shipped) -> Iterator[Item]:
    yield specs.server(scene.server)
    for package in sorted(packages(scene.server, scene.machine)):
        yield Package(package)
    yield User(paths.BUILDER, "/nonexistent")
    yield from folders()
    yield from tools(shipped)
    yield from units()
    yield from upgrades(scene.server)
    harder = scene.server.hardening
    yield from firewall.of_server(inbound=bool(harder and harder.inbound))
    yield from hardening.of_server(scene)
    yield from mongodb.of_server(scene)
    yield from nginx.of_server(scene)


def packages(server: Server, machine: Machine) -> Iterator[str]:
    yield from PACKAGES
    if server.unattended_upgrades:
        yield "unattended-upgrades"
    if server.mongodb.mode == "archive":
        yield libcurl(machine)


def libcurl(machine: Machine) -> str:
    """What mongod is linked with; renamed when Debian and Ubuntu went to 64-bit time."""
    renamed = {"debian": 13.0, "ubuntu": 24.04}.get(machine.os, float("inf"))
    return "libcurl4t64" if float(machine.version or 0) >= renamed else "libcurl4"


def folders() -> Iterator[Item]:
    # paths.HOME is missing: the agent makes it before its first change, for its own lock.
    for path in (paths.SPECS, f"{paths.SPECS}/sites"):
        yield Directory(path, 0o700)
    for path in (paths.LIBRARY, paths.SITES, paths.WEBROOT):
        yield Directory(path)
    for path in ("/etc/letsencrypt", HOOKS, f"{HOOKS}/deploy"):
        yield Directory(path)


def tools(shipped: Shipped) -> Iterator[Item]:
    yield File(paths.AGENT, shipped.agent)
    yield from runner(shipped)
    yield Venv(paths.TOOLS, digest(shipped.tools))
    context = Programs(paths.AGENT)
    yield file(f"{HOOKS}/deploy/cinestream", "shell/deploy-hook", context, mode=0o755)


def runner(shipped: Shipped) -> Iterator[Item]:
    """What serves the sites that are not ours."""
    version = f"runners/{digest(shipped.runner)[: places.SHORT]}"
    yield Directory(f"{paths.LIBRARY}/runners")
    yield Release(f"{paths.LIBRARY}/{version}", digest(shipped.runner))
    yield Symlink(paths.RUNNER, version)


def units() -> Iterator[Item]:
    context = Programs(paths.AGENT)
    for name in (RECOVER, f"{CERTIFICATES}.service", f"{CERTIFICATES}.timer"):
        yield file(places.unit(name), f"systemd/{name}", context)
    yield Unit(RECOVER)
    timer = f"{CERTIFICATES}.timer"
    yield Unit(timer, restart_on=(f"file:{places.unit(timer)}",))
    yield Unit("certbot.timer")


def upgrades(server: Server) -> Iterator[Item]:
    if server.unattended_upgrades:
        yield file("/etc/apt/apt.conf.d/52cinestream", "apt/unattended-upgrades", Nothing())


@dataclass(frozen=True)
class Nothing:
    """The context of a template that has no inputs."""
