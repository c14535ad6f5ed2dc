"""
The systemd units of one site: a worker and its socket for each port, a slice, a target, a timer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cinestream_ops.desired import places
from cinestream_ops.desired.scene import Scene
from cinestream_ops.desired.texts import file
from cinestream_ops.spec.site import Site
from cinestream_ops.state import environment, paths
from cinestream_ops.state.items import Directory, Item, Unit

# MiB for what is no worker: the refresh, and an agent that it runs.
HEADROOM = 512
KEY = "ANTHROPIC_API_KEY"
TASKS_BESIDE = 256


@dataclass(frozen=True)
class Units:
    """What the unit files of a site are made of; memory in MiB."""

    site: str
    home: str
    worker: str
    slice: str
    wsgi: str
    own: bool
    loopback: bool
    memory: int
    tasks: int
    program: str
    calendar: str
    steering: str = " ".join(environment.STEERING)
    path: str = paths.PROGRAMS


def items(site: Site, scene: Scene) -> Iterator[Item]:
    context = units(site, scene)
    files = [file(places.unit(f"{site.name}{end}"), f"systemd/site{end}", context) for end in ENDS]
    yield file(places.unit(context.slice), "systemd/site.slice", context)
    yield from files
    yield from journal(site)
    if site.refresh:
        for end in REFRESH:
            yield file(places.unit(f"{site.name}{end}"), f"systemd/site{end}", context)
    if site.release and site.requirements and not site.stopped:
        yield from running(site)


@dataclass(frozen=True)
class Journal:
    """A journal of a site's own, which nobody but its *group* writes to."""

    site: str
    group: str


def journal(site: Site) -> Iterator[Item]:
    context = Journal(site.name, site.user)
    yield file(f"/etc/systemd/journald@{site.name}.conf", "systemd/journald.conf", context)
    for kind in ("service", "socket"):
        drop_ins = places.unit(f"systemd-journald@{site.name}.{kind}.d")
        yield Directory(drop_ins)
        yield file(f"{drop_ins}/cinestream.conf", f"systemd/journald.{kind}", context)


ENDS = ("@.socket", "@.service", ".target")
REFRESH = ("-refresh.service", "-refresh.timer")


def running(site: Site) -> Iterator[Item]:
    yield Unit(f"{site.name}.target")
    inputs = worker_inputs(site)
    for port in site.ports:
        sockets = (f"{site.name}@{port}.socket",)
        yield Unit(f"{site.name}@{port}.service", sockets, restart_on=inputs)
    if site.refresh:
        timer = places.unit(f"{site.name}-refresh.timer")
        yield Unit(f"{site.name}-refresh.timer", restart_on=(f"file:{timer}",))


def worker_inputs(site: Site) -> tuple[str, ...]:
    """The keys of what a worker is made of: when one changes, it starts anew."""
    home = places.home(site)
    runner = () if site.bundled else (f"symlink:{paths.RUNNER}",)
    return (
        f"file:{places.unit(f'{site.name}@.service')}",
        f"env:{places.env(site)}",
        f"symlink:{home}/src",
        f"symlink:{home}/venv",
        *runner,
    )


def units(site: Site, scene: Scene) -> Units:
    return Units(
        site=site.name,
        home=places.home(site),
        worker=paths.WORKER,
        slice=slice_name(site),
        wsgi=site.wsgi,
        own=not site.bundled,
        loopback=needs_loopback_alone(site, scene),
        memory=site.workers * site.memory * 2 + HEADROOM,
        tasks=site.workers * site.tasks + TASKS_BESIDE,
        program=site.refresh.program if site.refresh else "",
        calendar=site.refresh.calendar if site.refresh else "",
    )


def slice_name(site: Site) -> str:
    return paths.slice_of(site.name)


def needs_loopback_alone(site: Site, scene: Scene) -> bool:
    """
    Whether workers talk to nobody but nginx and the database on this server.

    Ours do until they are given a key: with one, an agent that a worker starts goes out to the
    internet.  An owner's own application may call whom it likes, and a database may live elsewhere.
    """
    gathers = KEY in site.secrets
    return site.bundled and not gathers and scene.server.mongodb.mode != "external"
