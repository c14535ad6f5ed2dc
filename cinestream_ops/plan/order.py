"""
In which order steps are taken, and where the way back must stop to tell systemd and nginx.

The server's own things come before those of sites (a database must run before a site's user can
be made in it); what starts comes before nginx learns of it, and nginx forgets before it stops.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import PurePosixPath

from cinestream_ops.plan.restarts import hit
from cinestream_ops.state import paths
from cinestream_ops.state.items import (
    Absent,
    Archive,
    Certificate,
    Check,
    Daemon,
    Directory,
    EnvFile,
    Fence,
    File,
    Gate,
    Heir,
    Hook,
    Item,
    MongoAdmin,
    MongoIndexes,
    MongoUser,
    Package,
    Release,
    Sshd,
    Symlink,
    Table,
    Trial,
    Unit,
    User,
    Venv,
)
from cinestream_ops.state.steps import (
    CHANGE,
    CLEANUP,
    FOLLOW_UP,
    PREPARE,
    PUT,
    RELOAD,
    REMOVE,
    RESTART,
    Step,
)

# Earlier kinds are made first, and removed last.
KINDS: tuple[type[Item], ...] = (
    Heir, Package, User, Directory, EnvFile, File, MongoUser, MongoIndexes, Check, Hook, Trial,
    Symlink, Absent, Archive, Release, Venv, Unit, Table, MongoAdmin,
    Sshd,
)  # fmt: skip
VERBS = (PUT, RESTART, RELOAD, REMOVE)
PREPARED: tuple[type[Item], ...] = (Package, User, Directory, Archive, Release, Venv)


def ordered(steps: Iterable[Step], desired: Mapping[str, tuple[Item, ...]]) -> tuple[Step, ...]:
    """*steps* to *desired* as they are taken, with the fences, reloads and the gate they need."""
    # What a site prepares may stand in a folder of the server's.
    mine = list(with_parents_first(list(steps)))
    changes = [step for step in mine if step.phase == CHANGE]
    leaving = sites_that_leave(changes)
    early = [step for step in changes if not late(step) and step.site not in leaving]
    last = [step for step in changes if late(step) or step.site in leaving]
    return (
        *sorted((step for step in mine if step.phase == PREPARE), key=preparation),
        *built([step for step in early if not step.site], changes),
        *built([step for step in early if step.site], changes),
        *gated(changes, desired),
        *torn_down([step for step in last if not in_nginx(step)]),
        *(step for step in mine if step.phase == CLEANUP),
        *(step for step in mine if step.phase == FOLLOW_UP),
    )


def built(steps: list[Step], changes: Iterable[Step]) -> Iterator[Step]:
    """Files, then systemd is told, then units start."""
    touched = {step.key for step in steps}
    taken = {(step.key, step.verb) for step in steps}
    later = (step for step in changes if (step.key, step.verb) not in taken)
    yield from fence([*steps, *(step for step in later if hears(step, touched))])
    yield from sorted((step for step in steps if not running(step)), key=made)
    starts = sorted((step for step in steps if running(step)), key=made)
    # Of several sites, the first may have workers that only restart.
    if any(of_systemd(step) for step in steps) and not any(map(enables, starts[:1])):
        yield Step(PUT, Daemon())
    yield from starts


def gated(changes: list[Step], desired: Mapping[str, tuple[Item, ...]]) -> Iterator[Step]:
    """
    Nginx's files, new ones before old ones go, and the gate that lets them live.

    No page goes, afterwards or on the way back, while a worker of nginx that has the other files
    has a request to answer.
    """
    steps = [step for step in changes if in_nginx(step)]
    if not steps:
        return
    pages = {step.verb for step in changes if is_page(step)}
    yield Step(PUT, Fence("nginx", drained=PUT in pages))
    yield from sorted((step for step in steps if step.verb != REMOVE), key=made)
    yield from sorted((step for step in steps if step.verb == REMOVE), key=made, reverse=True)
    yield Step(PUT, Gate("nginx", probes(desired), REMOVE in pages, neighbours(changes, desired)))


def torn_down(steps: list[Step]) -> Iterator[Step]:
    """Units stop, their files go, whoever reads those is told, and empty folders go last."""
    units = sorted((step for step in steps if isinstance(step.item, Unit)), key=made)
    files = [step for step in steps if not isinstance(step.item, Unit)]
    yield from (step for step in units if step.verb == REMOVE)
    yield from fence(steps)
    yield from sorted(files, key=made, reverse=True)
    if any(of_systemd(step) for step in files):
        yield Step(PUT, Daemon())
    yield from (step for step in units if step.verb != REMOVE)


def hears(step: Step, touched: AbstractSet[str]) -> bool:
    """Whether *step*, taken later on, is due to files in *touched*, which may be put back."""
    if not isinstance(step.item, Unit) or step.verb not in (RESTART, RELOAD):
        return False
    return hit(touched, (*step.item.restart_on, *step.item.reload_on))


def fence(steps: list[Step]) -> Iterator[Step]:
    restarts, reloads = (
        tuple(sorted(step.item.name for step in steps if step.verb == verb))
        for verb in (RESTART, RELOAD)
    )
    if restarts or reloads or any(of_systemd(step) for step in steps):
        yield Step(PUT, Fence("systemd", restarts, reloads))


def with_parents_first(steps: Sequence[Step]) -> Iterator[Step]:
    """*steps*, with the folders that preparations need made preparations themselves."""
    homes = {
        str(parent)
        for step in steps
        if step.phase == PREPARE and isinstance(step.item, Archive | Release | Venv)
        for parent in PurePosixPath(step.item.path).parents
    }
    for step in steps:
        needed = isinstance(step.item, Directory) and step.item.path in homes
        yield replace(step, phase=PREPARE) if needed else step


def probes(desired: Mapping[str, tuple[Item, ...]]) -> tuple[str, ...]:
    """The host names at which each site on the server answers that has workers."""
    return tuple(
        host
        for site, items in sorted(desired.items())
        if site and any(isinstance(item, Unit) and item.companions for item in items)
        for host in (paths.local_host(site), *domains(items))
    )


def neighbours(changes: Iterable[Step], desired: Mapping[str, tuple[Item, ...]]) -> tuple[str, ...]:
    """The host names of the sites that *changes* leave alone; the server's own are everybody's."""
    touched = {step.site for step in changes}
    return () if "" in touched else probes({k: v for k, v in desired.items() if k not in touched})


def domains(items: Iterable[Item]) -> Iterator[str]:
    return (name for item in items if isinstance(item, Certificate) for name in item.names)


def preparation(step: Step) -> tuple[int, bool, bool, str]:
    # The tool venv brings the tools that the other venvs are made with.
    elsewhere = step.item.name != paths.TOOLS
    return (PREPARED.index(type(step.item)), bool(step.site), elsewhere, step.item.name)


def made(step: Step) -> tuple[str, int, int, str]:
    return (step.site, rank(step.item), VERBS.index(step.verb), step.item.name)


def rank(item: Item) -> int:
    return len(KINDS) if is_last(item) else KINDS.index(type(item))


def is_last(item: Item) -> bool:
    return isinstance(item, Hook) and not item.first


def sites_that_leave(changes: Sequence[Step]) -> set[str]:
    return {step.site for step in changes if step.verb == REMOVE} - {
        step.site for step in changes if step.verb == PUT
    }


def late(step: Step) -> bool:
    return step.verb == REMOVE or in_nginx(step)


def running(step: Step) -> bool:
    return isinstance(step.item, Unit | Table | MongoAdmin | Sshd) or is_last(step.item)


def enables(step: Step) -> bool:
    """Enabling a unit has systemd read all of them anew, as systemctl(1) says of `enable`."""
    return isinstance(step.item, Unit) and step.verb == PUT


def in_nginx(step: Step) -> bool:
    """Whether nginx reads it when it is told to; not a page, nor the folder that holds both."""
    is_read = not isinstance(step.item, Directory) and not is_page(step)
    return path(step).startswith(f"{paths.NGINX}/") and is_read


def is_page(step: Step) -> bool:
    """Whether nginx opens it anew for each request."""
    return path(step).startswith(f"{paths.NGINX}/") and path(step).endswith(".html")


def of_systemd(step: Step) -> bool:
    return path(step).startswith(f"{paths.UNITS}/")


def path(step: Step) -> str:
    placed = isinstance(step.item, File | Directory | Symlink | Absent | EnvFile)
    return step.item.name if placed else ""
