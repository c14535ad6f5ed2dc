"""
Programs that systemd runs for a step, each in a unit of its own that ends with all it has started.

Their units have names of their own, so that the way back finds what a dead agent has left running.
Whatever runs as a site's user, or because of its files, is run from here.
"""

from __future__ import annotations

import os
import pwd
import re
import select
import subprocess
import time
from contextlib import nullcontext
from pathlib import Path
from typing import List, Optional, Sequence

from cinestream_ops.agent import kit as kits
from cinestream_ops.agent import systemd
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Failed, Refused
from cinestream_ops.agent.stops import Stops

STOPPED = 60  # seconds that one may take to stop
PIECE = 1 << 16  # bytes
SPARE = 60  # seconds after which systemd ends one, should we be gone
# To any other type, a signal that ends the program is as good as its end (systemd.service(5),
# "SuccessExitStatus=").
PIPED = ("--pipe", "--wait", "--service-type=oneshot")
# Those of one agent end in its id.  So may the names of sites: no other units are looked at.
OURS = ("cinestream-read-*", "cinestream-unpack-*", "cinestream-run-*")
NEVER = 255  # the code of what did not end, or never began
EXITED, KILLED = "1", ("2", "3")  # ExecMainCode: by itself; by a signal, without or with a core


def argv(unit: str, options: Sequence[str], properties: Sequence[str]) -> List[str]:
    """`systemd-run` up to the command; the usual description would be all of that, in the log."""
    told = [*options, f"--unit={unit}", f"--description={unit.partition('.')[0]}"]
    return ["systemd-run", "--quiet", *told, *(f"--property={each}" for each in properties), "--"]


def escaped(arguments: Sequence[str]) -> List[str]:
    """As they are, for systemd replaces variables in arguments."""
    return [each.replace("$", "$$") for each in arguments]


def piped(unit: str, command: Sequence[str], properties: Sequence[str], limit: float) -> List[str]:
    """What runs *command* as *unit* between our streams, for *limit* seconds and a few more."""
    bounds = [*properties, f"TimeoutStartSec={limit + SPARE:g}"]
    return [*argv(unit, PIPED, bounds), *escaped(command)]


def somehow(
    unit: str, command: Sequence[str], properties: Sequence[str], limit: float
) -> List[str]:
    """
    As `piped`, where there are units.

    Elsewhere, which is no server, *command* is run as it is: by ourselves, and for nobody else.
    """
    if has_units():
        return piped(unit, command, properties, limit)
    refuse_another(properties)
    return list(command)


def has_units() -> bool:
    return systemd.RUNS.is_dir() and not os.geteuid()


def refuse_another(properties: Sequence[str]) -> None:
    """`Refused` if *properties* ask for a user who is not ourselves."""
    asked = dict(each.split("=", 1) for each in properties)
    ourselves = pwd.getpwuid(os.geteuid()).pw_name
    if "DynamicUser" in asked or asked.get("User", ourselves) != ourselves:
        raise Refused("systemd does not run here, and nothing else runs programs of a site")


def run(
    unit: str, command: Sequence[str], properties: Sequence[str], limit: float, kit: Kit
) -> None:
    """`Failed` with the last lines of *command* if it fails, `Refused` if it does not end."""
    end(unit)
    child = kits.started(somehow(unit, command, properties, limit))
    try:
        errors, out = listened(child, limit, kit)
        ended = code(unit, child, limit, kit.stops)
    finally:
        kits.end(child)
        end(unit)
    if ended:
        said = (errors.strip() or out).decode(errors="replace")
        raise Failed(command, ended, kits.last_lines(said))


def listened(child: "subprocess.Popen[bytes]", limit: float, kit: Kit) -> List[bytes]:
    """The end of what it wrote to stderr, and of what to stdout, once it has closed both."""
    late = time.monotonic() + limit
    streams = [stream for stream in (child.stderr, child.stdout) if stream]
    kept, open_ones = dict.fromkeys(streams, b""), list(streams)
    while open_ones:
        with kit.stops.allowed():
            ready, _, _ = select.select(open_ones, [], [], max(late - time.monotonic(), 0))
        if not ready:
            raise Refused(f"it did not end within {limit:g} s")
        for stream in ready:
            piece = os.read(stream.fileno(), PIECE)
            kept[stream] = (kept[stream] + piece)[-PIECE:]
            if not piece:
                open_ones.remove(stream)
    return [kept[stream] for stream in streams]


def code(
    unit: str, child: "subprocess.Popen[bytes]", limit: float, stops: Optional[Stops] = None
) -> int:
    """
    The code that the program of *unit* ends with, within *limit* seconds, by the rules of a shell.

    That of *child*, which is `systemd-run`, is not always the program's.
    """
    try:
        with stops.allowed() if stops else nullcontext():
            told = child.wait(limit + STOPPED)
    except subprocess.TimeoutExpired:
        raise Refused(f"it did not end within {limit:g} s") from None
    if not told or not has_units():
        return told
    shown = quiet("show", "--property=ExecMainCode,ExecMainStatus", unit).splitlines()
    facts = dict(line.split("=", 1) for line in shown)
    how, status = facts.get("ExecMainCode"), int(facts.get("ExecMainStatus", 0))
    if how in KILLED:
        return 128 + status
    # What it had left is ended by now; 0 is no code of one that never began.
    return status if how == EXITED else NEVER


def sweep() -> None:
    """End what agents that are no more have left running."""
    if not has_units():
        return
    for line in quiet("list-units", "--all", "--plain", "--no-legend", *OURS).splitlines():
        unit = line.split()[0]
        process = re.search(r"-(\d+)\.service$", unit)
        if process and not Path("/proc", process[1]).exists():
            end(unit)


def end(unit: str) -> None:
    """Leave nothing of *unit*, whether there is one or not."""
    if not has_units():
        return
    try:
        quiet("stop", unit)
    except subprocess.TimeoutExpired:
        # One that says when it is ready can put off its end for as long as it likes.
        quiet("kill", "--kill-who=all", "--signal=KILL", unit)
        quiet("stop", unit)
    quiet("reset-failed", unit)


def last_words(unit: str) -> str:
    """The end of what this very run of *unit* has written."""
    run = quiet("show", "--property=InvocationID", "--value", unit).strip()
    if not run:
        return ""
    argv = ["journalctl", "--namespace=*", f"_SYSTEMD_INVOCATION_ID={run}", "-n", "15", "-o", "cat"]
    return said([*argv, "-q", "--no-pager"]).strip()


def quiet(*words: str) -> str:
    """What systemctl says to *words*; no signal cuts it short."""
    return said(["systemctl", *words])


def said(argv: Sequence[str]) -> str:
    done = subprocess.run(
        argv,
        env={"PATH": kits.PATH, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=STOPPED,
        check=False,
    )
    return done.stdout.decode(errors="replace")
