"""
What systemd is asked and told, each time within a bound.

It may not be asked once per unit: everything here takes many.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Collection, Dict, Iterable, Iterator, List, Sequence, Set, Tuple

from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Failed, Refused
from cinestream_ops.state import paths

RUNS = Path("/run/systemd/system")  # sd_booted(3)
LOOK, WORK = 20, 300  # seconds
# As long as a worker has by its unit (`TimeoutStopSec=`, `TimeoutStartSec=`), and a little more.
STOPPED, STARTED = 40, 110  # seconds
KILLED = 20  # seconds
MANY = 100  # names: systemd compares each of them with each of its units
IDLE = {"inactive", "failed"}

Shown = Dict[str, str]


def installed(units: Sequence[str]) -> Dict[str, str]:
    """
    What `systemctl is-enabled` says of those of *units* that there are.

    From listings, since those load nothing: to ask about a unit that is not in memory has its
    files read, for 5 ms and more each.
    """
    kinds = {unit: unit if is_plain(unit) else template(unit) for unit in units}
    rows = listing("list-unit-files", dict.fromkeys([*units, *kinds.values()]))
    states = {row[0]: row[1] for row in rows}
    links = linked() if rows else set()
    return {
        unit: states.get(unit) or of_instance(states[kind], unit in links)
        for unit, kind in kinds.items()
        if kind in states or unit in states
    }


def is_plain(unit: str) -> bool:
    return "@" not in unit


def is_target(unit: str) -> bool:
    """One cannot hang, and to restart it would be to restart all that is part of it."""
    return unit.endswith(".target")


def linked() -> Set[str]:
    """The units that start with others, by name."""
    return {path.name for path in Path(paths.UNITS).glob("*.wants/*")}


def template(unit: str, suffix: str = "") -> str:
    """`blog@.service` of `blog@8001.service`, or of its socket with that *suffix*."""
    return f"{unit.partition('@')[0]}@{suffix or Path(unit).suffix}"


def instance(unit: str) -> str:
    """`8001` of `blog@8001.service`."""
    return Path(unit.partition("@")[2]).stem


def of_instance(state: str, linked: bool) -> str:
    """The state of an instance of a template in *state*; if it can be enabled, a link does it."""
    if state in {"static", "generated", "masked"}:
        return state
    return "enabled" if linked else "disabled"


def instances(templates: Sequence[str]) -> List[Tuple[str, str]]:
    """Each template with each of its instances that runs, listens or is enabled."""
    patterns = [
        name.replace("@.", "@*.").replace(".service", kind)
        for name in templates
        for kind in (".service", ".socket")
    ]
    alive = [row[0] for row in listing("list-units", patterns) if row[2] not in IDLE]
    enabled = linked() if templates else set()
    known = {(template(unit, ".service"), instance(unit)) for unit in {*alive, *enabled}}
    return sorted(each for each in known if each[0] in templates)


def running(units: Sequence[str]) -> Dict[str, str]:
    """The ActiveState of those of *units* that are in memory; the others do not run."""
    asked = set(units)
    return {row[0]: row[2] for row in listing("list-units", units) if row[0] in asked}


def listing(what: str, units: Collection[str]) -> List[List[str]]:
    """The rows of `systemctl WHAT UNITS`, or of all units; none where systemd is not."""
    if not units or not RUNS.is_dir():
        return []
    named = units if len(units) < MANY else ()
    argv = ["systemctl", what, "--all", "--plain", "--full", "--no-legend", "--", *named]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=LOOK, check=False, text=True)
    except (OSError, subprocess.SubprocessError):
        raise Refused(f"systemd did not list its units within {LOOK} s") from None
    # That nothing fits is 1 too, and then it says nothing.
    if done.returncode and done.stderr:
        raise Refused(f"systemd did not list its units: {done.stderr.strip()}")
    return [line.split() for line in done.stdout.splitlines() if line.strip()]


def show(units: Sequence[str], properties: Sequence[str]) -> Dict[str, Shown]:
    """The *properties* of *units*, from one `systemctl show`; nothing where systemd is not."""
    if not units or not RUNS.is_dir():
        return {}
    argv = ["systemctl", "show", "-p", ",".join(properties), "--", *units]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=LOOK, check=True, text=True)
    except (OSError, subprocess.SubprocessError):
        raise Refused(f"systemd did not tell of `{units[0]}` within {LOOK} s") from None
    # The answers are in the order of the questions; names in them may be other names of the unit.
    return dict(zip(units, blocks(done.stdout)))


def blocks(text: str) -> Iterator[Shown]:
    for block in text.strip("\n").split("\n\n"):
        yield dict(line.split("=", 1) for line in block.splitlines())


def tell(kit: Kit, verb: str, units: Sequence[str], timeout: float = WORK) -> None:
    """`systemctl VERB UNITS`; while the server boots, without waiting for what it starts."""
    if units:
        patience = ["--no-block"] if kit.booting and verb in WAITING else []
        kit.run(["systemctl", verb, "--quiet", *patience, "--", *units], timeout)


def ask(kit: Kit, verb: str, units: Sequence[str]) -> None:
    """`systemctl VERB UNITS`, without waiting for what comes of it."""
    kit.run(["systemctl", verb, "--quiet", "--no-block", "--", *units], LOOK)


WAITING = {"start", "stop", "restart", "try-restart", "reload-or-restart"}


def stop(kit: Kit, units: Sequence[str]) -> None:
    """Stop *units*; a worker that takes longer than it may is killed."""
    try:
        tell(kit, "stop", units, STOPPED if of_sites(units) else WORK)
    except Failed:
        raise
    except Refused:
        if not kill_late(kit, units):
            raise
        tell(kit, "stop", units, KILLED)


def bring_up(kit: Kit, verb: str, units: Sequence[str]) -> None:
    """`systemctl VERB UNITS`, of which each runs then; a worker that will not leave is killed."""
    if not of_sites(units):
        tell(kit, verb, units)
        return
    try:
        tell(kit, verb, units, STARTED if verb == "start" else STOPPED)
    except Failed:
        raise
    except Refused:
        if verb == "start":
            raise
        kill_late(kit, units)
        # What waits to be started by a restart is not restarted again, but waited for.
        tell(kit, "start", units, STARTED)


def of_sites(units: Sequence[str]) -> bool:
    """Whether nothing among *units* is a service that may take its time, as a database may."""
    return not any(is_plain(unit) and unit.endswith(".service") for unit in units)


def kill_late(kit: Kit, units: Sequence[str]) -> bool:
    """
    Kill the workers among *units* that are still leaving; whether there were any.

    By `EXTEND_TIMEOUT_USEC=` (sd_notify(3)) a process puts off what systemd would do to it, without
    an end.
    """
    now = running(units)
    late = [unit for unit in units if not is_plain(unit) and now.get(unit) == "deactivating"]
    if late:
        kit.run(["systemctl", "kill", "--kill-who=all", "--signal=KILL", "--", *late], LOOK)
    return bool(late)


def reset(kit: Kit, units: Sequence[str]) -> None:
    """Forget failures; a unit that is not loaded has none, and that is no trouble."""
    with suppress(Refused):
        tell(kit, "reset-failed", units, LOOK)


def reload(kit: Kit) -> None:
    kit.run(["systemctl", "daemon-reload"], WORK)


def last_words(kit: Kit, unit: str) -> str:
    """The end of the journal of *unit*, since that tells why it failed."""
    argv = ["journalctl", "--namespace=*", "-u", unit, "-n", "15", "-o", "cat", "--no-pager", "-q"]
    try:
        return kit.run(argv, LOOK).strip()
    except Refused:
        return ""


def where_to_read(unit: str) -> str:
    """What shows the journal of *unit*: a site has one of its own."""
    namespace = "" if is_plain(unit) else f"--namespace=+{unit.partition('@')[0]} "
    return f"see `journalctl {namespace}-u {unit}`"


def turns(units: Iterable[str]) -> Iterator[List[str]]:
    """
    As many workers of *units* as there are processors, and then the next; at last all else.

    More that start at once would not be there sooner, and would hold up those who serve.  A target
    would start all of its workers, and is on its own.
    """
    waiting = list(units)
    workers = [unit for unit in waiting if not is_plain(unit)]
    size = len(os.sched_getaffinity(0))
    yield from (workers[start : start + size] for start in range(0, len(workers), size))
    for target in (False, True):
        if others := [unit for unit in waiting if is_plain(unit) and is_target(unit) is target]:
            yield others


def batches(units: Sequence[str], share: int) -> Iterator[List[str]]:
    """At most *share* per cent of the instances of a template at a time; others one by one."""
    by_template: Dict[str, List[str]] = {}
    for unit in units:
        by_template.setdefault(unit.partition("@")[0], []).append(unit)
    for same in by_template.values():
        size = max(1, len(same) * share // 100)
        yield from (same[start : start + size] for start in range(0, len(same), size))
