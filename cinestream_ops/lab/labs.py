"""
Labs, brought up and taken down.  Each of these is whole, or has left nothing behind.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cinestream_ops.agent.erase import erase
from cinestream_ops.lab import (
    cgroups,
    disk,
    homes,
    keys,
    machine,
    mongodb,
    network,
    parts,
    roots,
    snapshots,
    tools,
)
from cinestream_ops.lab.commands import Report, unheard
from cinestream_ops.lab.faults import NoSuchLab, NotRemoved, NotRunning, SuiteTaken, UnknownSuite
from cinestream_ops.lab.homes import Home, Record
from cinestream_ops.lab.lab import Lab
from cinestream_ops.lab.layer import Layer
from cinestream_ops.lab.machine import Machine
from cinestream_ops.lab.network import HOST_NAME, Network
from cinestream_ops.lab.recipes import SUITES, Recipe
from cinestream_ops.lab.snapshots import Snapshot


def up(
    name: str,
    suite: str = SUITES[0],
    report: Report = unheard,
    snapshot: Snapshot | None = None,
) -> Lab:
    """
    The lab *name*, running *suite*: as it is if it is up, from its disk if it is off, else anew.

    A new one begins with the disk in *snapshot*, if there is one, which must be of *suite*.

    Raises `NotRoot`, `MissingTools`, `BadName`, `UnknownSuite`, `SuiteTaken`, and whatever a
    step of the work raises; then nothing is left of a lab that was being made.
    """
    tools.need_all()
    if suite not in SUITES:
        raise UnknownSuite(suite, SUITES)
    home = homes.home(name)
    with homes.lock(home):
        lab = found(home)
        if lab and lab.state != "broken" and lab.suite != suite:
            raise SuiteTaken(name, lab.suite)
        if lab is None or lab.state == "broken":
            make(home, suite, report, snapshot)
        elif lab.state == "off":
            report("booting the server", 0, 1)
            switch_on(known(name))
        return find(name)


def make(home: Home, suite: str, report: Report, snapshot: Snapshot | None) -> None:
    remove(home)
    with cleared(home):
        reserve(home, suite, report)
        it = known(home.name)
        report("preparing the server", 0, 2)
        if snapshot:
            resume(it, snapshot)
        else:
            prepare(it)
        report("booting the server", 1, 2)
        with machine.notices(it) as listener:
            machine.start(it)
            surround(it)
            machine.wait(it, listener)
        report("the server is up", 2, 2)


@contextmanager
def cleared(home: Home) -> Iterator[None]:
    """Whatever interrupts the block, a signal that raises included, leaves nothing behind."""
    try:
        yield
    except BaseException:
        remove(home)
        raise


def reserve(home: Home, suite: str, report: Report) -> None:
    """Make the home of a new lab, with a network number that is its own from now on."""
    archive = mongodb.archive(report)
    root = roots.ready(Recipe(suite), report)
    with homes.number_lock():
        taken = (record.number for record in homes.records())
        number = network.free(taken)
        record = Record(suite, number, str(root), str(archive.path), archive.sha256)
        homes.write(home, record)
    roots.prune((Path(record.root) for record in homes.records()), map(Recipe, SUITES))
    snapshots.prune()


def prepare(it: Machine) -> None:
    """All that is done before the first boot."""
    gateway = f"http://{HOST_NAME}:{parts.GATEWAY}"
    layer = Layer(it.upper, it.root)
    machine.make_folders(it)
    network.make(it.network)
    keys.make(it.home, it.network.server, layer)
    disk.furnish(layer, it.network, gateway)
    digest = parts.make_authority(it.home)
    parts.certify(it.home, it.network)
    disk.trust(layer, it.home.authority.read_text(), digest)


def resume(it: Machine, snapshot: Snapshot) -> None:
    """As `prepare`, with the disk and the keys of the lab that *snapshot* was taken of."""
    machine.make_folders(it)
    network.make(it.network)
    snapshots.give(snapshot, it)
    keys.know(it.home, it.network.server)
    parts.certify(it.home, it.network)
    disk.introduce(Layer(it.upper, it.root), it.network)


def surround(it: Machine) -> None:
    """Start what stands around the server, while it boots."""
    archives = disk.archives(Layer(it.upper, it.root))
    parts.write_settings(it.home, it.network, archives)
    parts.start(it.home, it.network)
    parts.wait(it.home, it.network)


def switch_on(it: Machine) -> None:
    with machine.notices(it) as listener:
        machine.start(it)
        machine.wait(it, listener)


def boot(name: str) -> Lab:
    """Start a lab that is off, from the disk it had.  Raises `NoSuchLab` and `NotRunning`."""
    with working_on(name) as lab:
        if lab.state == "broken":
            raise NotRunning(name, lab.state)
        if lab.state == "off":
            switch_on(known(name))
        return find(name)


def reboot(name: str) -> Lab:
    """Have the server reboot itself, and wait until it is back.  Raises as `boot` does."""
    with working_on(name) as lab:
        if lab.state != "running":
            raise NotRunning(name, lab.state)
        it = known(name)
        with machine.notices(it) as listener:
            # The connection may be cut before the answer is there: that is no failure.
            ask = ssh_argv(lab, ("systemctl", "reboot"))
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    ask, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30
                )
            machine.wait(it, listener)
        return find(name)


def keep(name: str, key: str) -> Snapshot:
    """
    Shut the server down, and keep its disk in the cache as the snapshot *key*; the lab is gone.

    Raises `NoSuchLab`, `NotRunning` and `TookTooLong`.
    """
    with working_on(name) as lab:
        if lab.state != "running":
            raise NotRunning(name, lab.state)
        it = known(name)
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(
                ssh_argv(lab, ("systemctl", "poweroff")),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=30,
            )
        machine.wait_off(it)
        snapshot = snapshots.save(key, it)
        remove(it.home)
    return snapshot


def power_cut(name: str) -> Lab:
    """
    End all that runs on the server, at once; what is around it stays, as does its disk.

    What the server had not yet synced stays too: no trial of that is one of a real power cut.
    """
    with working_on(name):
        cgroups.end(known(name).group)
        return find(name)


@contextmanager
def working_on(name: str) -> Iterator[Lab]:
    """The lab *name*, for this command alone.  Raises `NoSuchLab` before anything is touched."""
    find(name)
    with homes.lock(homes.home(name)):
        yield find(name)


def down(name: str) -> None:
    """Remove the lab *name*, whatever is left of it.  Raises `NoSuchLab`."""
    tools.need_root()
    home = homes.home(name)
    if name not in names():
        raise NoSuchLab(name)
    with homes.lock(home):
        remove(home)


def down_all() -> tuple[str, ...]:
    """Remove every lab, also what was left of those without a home; their names."""
    tools.need_root()
    gone = tuple(sorted(names()))
    for home in map(homes.home, gone):
        with homes.lock(home):
            remove(home)
    return gone


def names() -> set[str]:
    """All labs of which there is anything, be it a home or what outlived one."""
    found = {home.name for home in homes.homes()} | cgroups.names() | network.names()
    return set(filter(homes.NAME.fullmatch, found))


def remove(home: Home) -> None:
    """Processes first, as they hold the rest; the home last, as it holds the name."""
    record = homes.read(home)
    cgroups.end(cgroups.lab(home.name))
    network.remove(Network(home.name, record.number if record else 0))
    if home.folder.exists():
        erased(home.folder)


def erased(folder: Path) -> None:
    """What a server has filled, however deep; raises `NotRemoved`."""
    above = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        erase(above, folder.name)
    except OSError as error:
        raise NotRemoved(f"{folder.parent}/{error.filename}", error.strerror or "") from error
    finally:
        os.close(above)


def listing() -> list[Lab]:
    """Every lab, in order of their names."""
    tools.need_root()
    return [lab for home in homes.homes() if (lab := found(home))]


def find(name: str) -> Lab:
    """Raises `NoSuchLab`."""
    tools.need_root()
    lab = found(homes.home(name))
    if lab is None:
        raise NoSuchLab(name)
    return lab


def known(name: str) -> Machine:
    home = homes.home(name)
    record = homes.read(home)
    if record is None:
        raise NoSuchLab(name)
    return Machine(home, Network(name, record.number), Path(record.root))


def found(home: Home) -> Lab | None:
    record = homes.read(home)
    if record is None:
        return None
    net = Network(home.name, record.number)
    return Lab(
        name=home.name,
        suite=record.suite,
        address=net.server,
        port=machine.SSH,
        user="root",
        identity_file=str(home.identity),
        known_hosts=str(home.known_hosts),
        acme_directory=f"https://{HOST_NAME}:{parts.ACME}/dir",
        acme_root=str(home.acme_root),
        mongodb_archive=record.mongodb_archive,
        mongodb_sha256=record.mongodb_sha256,
        state=machine.state(home.name) if parts.alive(home.name) else "broken",
        dns_management=f"http://{net.host}:{parts.DNS_MANAGEMENT}",
    )


def ssh_argv(lab: Lab, command: Sequence[str] = (), user: str = "") -> list[str]:
    """
    The command that runs *command* on the lab, or opens a shell.

    One word is a line for the server's shell, as with ssh(1); the spaces in several are kept.
    """
    line = command[0] if len(command) == 1 else shlex.join(command)
    options = (
        f"UserKnownHostsFile={lab.known_hosts}",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "BatchMode=yes",
        "LogLevel=ERROR",
        "ConnectTimeout=30",
        "ServerAliveInterval=15",
    )
    return [
        *("ssh", "-F", "none", "-i", lab.identity_file, "-p", str(lab.port)),
        *(word for option in options for word in ("-o", option)),
        *(f"{user or lab.user}@{lab.address}", *((line,) if line else ())),
    ]
