"""
What a site that leaves has outside its folder: processes, jobs that would start more, and files
where everybody may leave some.

Whatever starts again by itself goes first, then all that runs, then what that has left.  Doing it
twice does no harm.  Of a number that another account shares, as while a site is renamed, nothing
is touched.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Iterator, List, Optional, Union

from cinestream_ops.agent import numbers, place, systemd
from cinestream_ops.agent.erase import Walk, erase
from cinestream_ops.agent.kinds import RESTORE
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.place import Place
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Remains
from cinestream_ops.state.steps import PUT, Step

PATIENCE = 60  # seconds until nothing runs any more
LOOK_AGAIN = 0.05  # seconds
NO_SITE = 100  # uids below this are the distribution's own

# By name: cron(8) reads the first, systemd-logind the second.
JOBS = ("/var/spool/cron/crontabs/{}", "/var/lib/systemd/linger/{}", "/var/mail/{}")
# By owner: folders in which others than root may leave something.
PUBLIC = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/run/lock", "/var/crash")  # noqa: S108
SPOOL = "/var/spool"  # jobs of at(1), mail
LOGS = "/var/log/nginx"

# One call, which no new process escapes: kill(2) with -1 and fork(2) exclude each other.
KILLER = """
import os, sys
uid, gid = map(int, sys.argv[1:])
os.setgroups([])
os.setresgid(gid, gid, gid)
os.setresuid(uid, uid, uid)
os.kill(-1, 9)
"""
IPC = {"shm": "shmctl", "msg": "msgctl", "sem": "semctl"}


def back(step: Step) -> List[Step]:
    """Whoever is put here has nothing yet: all that is there later is to go."""
    return [Step(RESTORE, step.item, None, step.phase, step.site)] if step.verb == PUT else []


def do(step: Step, kit: Kit) -> None:
    assert isinstance(step.item, Remains)
    if step.verb != PUT:
        clear(step.item.login, kit, logs=step.item.logs)


def clear(login: str, kit: Kit, *, logs: bool = False) -> None:
    """All of it; `Refused` for the first that is still there."""
    for path in JOBS:
        with suppress(FileNotFoundError), Place(path.format(login)) as here:
            here.discard(here.name)
    mine = numbers.known(kit.home, login)
    found = [clear_number(login, *each, kit) for each in sorted(mine) if is_alone(login, each[0])]
    numbers.remember(kit.home, login)
    if logs:
        discard_logs(login)
    for why in filter(None, found):
        raise why


def is_alone(login: str, uid: int) -> bool:
    return uid >= NO_SITE and not numbers.others(login, uid)


def clear_number(login: str, uid: int, gid: int, kit: Kit) -> Optional[Refused]:
    """Why a file is still there, if one is; `Refused` for a process."""
    why = swept(uid, (SPOOL,))
    end(login, uid, gid)
    stop_manager(uid, kit)
    end(login, uid, gid)
    why = swept(uid, PUBLIC) or why
    forget_ipc(uid)
    return why


def end(login: str, uid: int, gid: int) -> None:
    """No process of *uid* is left, however many start others."""
    until = time.monotonic() + PATIENCE
    while left := list(running(uid)):
        if time.monotonic() > until:
            raise Refused(
                f"{len(left)} processes of `{login}` do not end, such as {left[0]}",
                f"look at `ps -u {uid} -o pid,stat,wchan,args` on the server",
            )
        argv = [sys.executable, "-I", "-S", "-c", KILLER, str(uid), str(gid)]
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(argv, timeout=PATIENCE, check=False, stderr=subprocess.DEVNULL)
        # The killer itself can be killed by those it is after; root cannot.
        for pid in running(uid):
            kill(pid, uid)
        time.sleep(LOOK_AGAIN)


def running(uid: int) -> Iterator[int]:
    return (int(name) for name in names("/proc") if name.isdigit() and runs_as(name, uid))


def names(folder: Union[str, int]) -> List[str]:
    with os.scandir(folder) as found:
        return [each.name for each in found]


def runs_as(pid: str, uid: int) -> bool:
    """Whether a process that has *uid*, by any of its four, can still do something."""
    try:
        text = Path("/proc", pid, "status").read_text(errors="replace")
    except OSError:
        return False
    told = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    # One whose first thread has ended is called a zombie, and its others go on.
    dead = told["State"][0] in "ZX" and int(told.get("Threads", 1)) <= 1
    return not dead and str(uid) in told["Uid"].split()


def kill(pid: int, uid: int) -> None:
    """By a handle, since the number may be another process's by now."""
    with suppress(OSError):
        handle = os.pidfd_open(pid)
        try:
            if runs_as(str(pid), uid):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)


def stop_manager(uid: int, kit: Kit) -> None:
    """The systemd of the user itself, whose processes are gone, and its folder in /run/user."""
    units = [f"user@{uid}.service", f"user-runtime-dir@{uid}.service", f"user-{uid}.slice"]
    with suppress(Refused):
        systemd.tell(kit, "stop", list(systemd.running(units)), PATIENCE)


def swept(uid: int, folders: "tuple[str, ...]") -> Optional[Refused]:
    """Nothing of *uid* is left in *folders*; why, if something is."""
    why = None
    for folder in folders:
        try:
            top = place.opened(folder)
        except (FileNotFoundError, Refused):
            continue
        try:
            discard_all(top, uid)
        except OSError as error:
            why = why or Refused(f"`{folder}/{error.filename}` is still there: {error.strerror}")
        finally:
            os.close(top)
    return why


def discard_all(top: int, uid: int) -> None:
    """Raises `OSError` for the first of *uid* that could not go, at the end of it all."""
    trouble = None
    walk = Walk(top, enter=lambda found: found.st_uid != uid)
    for folder, name, found in walk:
        if found.st_uid == uid:
            try:
                erase(folder, name)
            except OSError as error:
                error.filename = walk.path(str(error.filename))
                trouble = trouble or error
    if trouble:
        raise trouble


def forget_ipc(uid: int) -> None:
    """Shared memory, queues and semaphores of System V, which outlive whoever made them."""
    libc = ctypes.CDLL(None)
    for sort, remove in IPC.items():
        with suppress(FileNotFoundError):
            heading, *rows = Path("/proc/sysvipc", sort).read_text().splitlines()
            columns = heading.split()
            owners = [columns.index("uid"), columns.index("cuid")]
            for row in map(str.split, rows):
                if str(uid) in {row[column] for column in owners}:
                    getattr(libc, remove)(int(row[1]), 0, 0)  # IPC_RMID is 0


def discard_logs(login: str) -> None:
    """What nginx noted about the visitors, also what logrotate(8) has made of it."""
    with suppress(FileNotFoundError), Place(f"{LOGS}/{login}.access.log") as here:
        for name in names(here.fd):
            if name == here.name or name.startswith(f"{here.name}."):
                here.discard(name)
