"""
Whether this server can be a host: what is well, what to know, and what stands in the way.

It waits for what passes by itself (cloud-init, another apt), changes nothing, and names every
trouble at once.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Callable, Collection, Dict, Iterator, List, Tuple

from cinestream_ops.agent import machine
from cinestream_ops.agent.machine import sockets, text

OK, WARN, STOP = "ok", "warn", "stop"
Finding = Dict[str, str]

SYSTEMS = {("debian", "12"), ("debian", "13"), ("ubuntu", "22.04"), ("ubuntu", "24.04")}
LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
)
MIB, GIB = 1 << 20, 1 << 30
DAY = 86_400  # seconds


def finding(level: str, what: str, hint: str = "") -> Finding:
    return {"level": level, "what": what, "hint": hint}


def examine(wait: float) -> List[Finding]:
    """All findings; waits at most *wait* seconds in all."""
    end = time.monotonic() + wait
    server = machine.machine()
    return [
        root(os.geteuid()),
        system(server["os"], server["version"]),
        architecture(server["arch"]),
        python(sys.version_info[:3]),
        systemd(),
        *read_only(),
        cloud_init(end),
        apt_locks(end),
        avx(server["avx"]),
        memory(server["memory"], server["swap"]),
        disk(server["disk_free"]),
        clock(),
        *(port(number) for number in (80, 443)),
        ipv6(),
    ]


def waited(busy: Callable[[], object], end: float) -> None:
    while busy() and time.monotonic() < end:
        time.sleep(0.5)


def root(uid: int) -> Finding:
    if uid == 0:
        return finding(OK, "runs as root")
    return finding(STOP, f"runs as user {uid}, not as root", "log in as root, or allow `sudo`")


def system(name: str, version: str) -> Finding:
    told = f"{name} {version}"
    if (name, version) in SYSTEMS:
        return finding(OK, told)
    hint = "supported are Debian 12 and 13, Ubuntu 22.04 and 24.04"
    known = [number(each) for system, each in SYSTEMS if system == name]
    newer = bool(known) and number(version) > max(known)
    return finding(WARN if newer else STOP, f"`{told}` is not a system we know", hint)


def number(version: str) -> Tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def architecture(arch: str) -> Finding:
    if arch in {"x86_64", "aarch64"}:
        return finding(OK, arch)
    return finding(STOP, f"`{arch}` is not supported", "use a server with `x86_64` or `aarch64`")


def python(version: Tuple[int, ...]) -> Finding:
    told = "Python " + ".".join(map(str, version))
    if version >= (3, 9):
        return finding(OK, told)
    return finding(STOP, f"{told} is too old", "3.9 or later is needed")


def systemd() -> Finding:
    if Path("/run/systemd/system").is_dir():
        return finding(OK, "systemd runs")
    return finding(STOP, "systemd does not run here", "a container without it cannot be a host")


def read_only() -> Iterator[Finding]:
    for path in ("/usr", "/etc", "/var"):
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            yield finding(STOP, f"`{path}` is mounted read-only", "remount it to be writable")


def cloud_init(end: float) -> Finding:
    waited(cloud_init_runs, end)
    if cloud_init_runs():
        return finding(STOP, "cloud-init is still at work", "try again when the server is set up")
    return finding(OK, "cloud-init is not at work")


def cloud_init_runs() -> bool:
    """It makes its folder when it starts, and `result.json` at its very end."""
    run = Path("/run/cloud-init")
    return run.is_dir() and not any((run / name).exists() for name in ("result.json", "disabled"))


def apt_locks(end: float) -> Finding:
    waited(lock_holders, end)
    holders = lock_holders()
    if not holders:
        return finding(OK, "nobody holds the locks of apt and dpkg")
    who = ", ".join(f"`{process_name(pid)}` (pid {pid})" for pid in holders)
    return finding(STOP, f"{who} holds the lock of apt or dpkg", "try again when it is done")


def lock_holders() -> List[int]:
    return sorted({pid for path in LOCKS for pid in [lock_holder(path)] if pid})


def lock_holder(path: str) -> int:
    """The process with a lock (fcntl(2), as apt takes it) on *path*; 0 if there is none."""
    layout = "hhqqi4x"  # struct flock of 64-bit Linux
    try:
        with Path(path).open("rb") as file:
            asked = struct.pack(layout, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, *_, pid = struct.unpack(layout, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    except OSError:
        return 0
    return 0 if kind == fcntl.F_UNLCK else int(pid)


def process_name(pid: int) -> str:
    return text(f"/proc/{pid}/comm").strip() or "?"


def avx(has: bool) -> Finding:
    if has:
        return finding(OK, "the processor can run MongoDB")
    return finding(
        WARN,
        "the processor has no AVX, which MongoDB 5 and later need",
        "run it elsewhere, and give `--mongodb external --mongo-uri-file FILE`",
    )


def memory(size: int, swap: int) -> Finding:
    told = f"{size // MIB} MiB of memory, {swap // MIB} MiB of swap"
    # 24 idle workers take 660 MiB, and mongod at least 256 MiB for its cache.
    if size + swap < 900 * MIB:
        return finding(STOP, f"only {told}", "1 GiB is the least for a site of a few workers")
    if size < 1800 * MIB:
        return finding(WARN, told, "a site of 24 workers with MongoDB wants 2 GiB: use fewer")
    return finding(OK, told)


def disk(free: int) -> Finding:
    told = f"{free / GIB:.1f} GiB of disk free"
    if free < 2 * GIB:
        return finding(STOP, f"only {told}", "2 GiB is the least: packages, MongoDB and a site")
    if free < 5 * GIB:
        return finding(WARN, told, "MongoDB and its logs will want more")
    return finding(OK, told)


def clock() -> Finding:
    now = time.time()
    told = time.strftime("the clock says %Y-%m-%d %H:%M UTC", time.gmtime(now))
    hint = "set it, and keep it by `systemd-timesyncd` or `chrony`"
    if synchronised():
        return finding(OK, f"{told}, and is kept by NTP")
    # Files of the system come from the future only where the clock was ahead for a while.
    if now + DAY < max(Path(path).stat().st_mtime for path in ("/etc", "/var/lib/dpkg")):
        return finding(STOP, f"{told}, which is before its own files: certificates will fail", hint)
    return finding(WARN, f"{told}, and nothing keeps it", hint)


def synchronised() -> bool:
    argv = ["timedatectl", "show", "-p", "NTPSynchronized", "--value"]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == b"yes"


def port(number: int) -> Finding:
    holders = listening(number).get(number, {})
    strangers = {pid: name for pid, name in holders.items() if name != "nginx"}
    if not strangers:
        return finding(OK, f"port {number} is {'held by nginx' if holders else 'free'}")
    who = ", ".join(names(strangers))
    return finding(STOP, f"port {number} is held by {who}", "stop and disable it: nginx needs it")


def names(processes: Dict[int, str]) -> List[str]:
    return [f"`{name}` (pid {pid})" for pid, name in sorted(processes.items())]


def listening(*numbers: int) -> Dict[int, Dict[int, str]]:
    """
    By those of the TCP ports *numbers* that somebody listens on: the processes, by their ids.

    All are looked for at once: to go through the processes takes as long as they are many.
    """
    wanted = set(numbers)
    ports = {
        f"socket:[{row[9]}]": port
        for table in ("tcp", "tcp6")
        for row in sockets(text(f"/proc/net/{table}"))
        for port in [int(row[1].rsplit(":", 1)[1], 16)]
        if port in wanted
    }
    found: Dict[int, Dict[int, str]] = {port: {} for port in ports.values()}
    for pid, link in holding(ports):
        found[ports[link]][pid] = process_name(pid)
    return {port: each or {0: "somebody we cannot see"} for port, each in found.items()}


def holding(links: Collection[str]) -> Iterator[Tuple[int, str]]:
    """Each process with each of *links* that one of its handles leads to."""
    for process in Path("/proc").glob("[0-9]*") if links else ():
        for link in {*handles(process)} & {*links}:
            yield int(process.name), link


def handles(process: Path) -> Iterator[str]:
    """Where its handles lead to; whatever ends meanwhile is left out."""
    with suppress(OSError):
        for handle in (process / "fd").iterdir():
            with suppress(OSError):
                yield str(handle.readlink())


def ipv6() -> Finding:
    if not Path("/proc/net/if_inet6").exists():
        return finding(
            WARN, "the kernel has no IPv6: sites are served over IPv4 alone", "boot with IPv6 on"
        )
    if machine.ipv6(text("/proc/net/if_inet6")):
        return finding(OK, "IPv6 is on, with an address of its own")
    return finding(OK, "no public IPv6 address: publish no AAAA records for this server")
