"""
The server itself, as its own files tell of it.

Nothing here starts a process: this is read at each look.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

from cinestream_ops.agent import packages

LISTENS = "0A"  # TCP_LISTEN, as /proc/net/tcp writes it (proc_net_tcp.txt of the kernel)
GLOBAL = "00"  # the scope of an IPv6 address that the world can reach


def machine() -> Dict[str, Any]:
    """The fields of `state.facts.Machine`; memory and disk in bytes."""
    release = os_release(text("/etc/os-release"))
    memory = meminfo(text("/proc/meminfo"))
    disk = os.statvfs("/")
    return {
        "os": release.get("ID", ""),
        "version": release.get("VERSION_ID", ""),
        "arch": os.uname().machine,
        "cpus": len(os.sched_getaffinity(0)),
        "memory": memory.get("MemTotal", 0),
        "swap": memory.get("SwapTotal", 0),
        "disk_free": disk.f_bavail * disk.f_frsize,
        "nginx": upstream_version(packages.installed().get("nginx", "")),
        "python": "{}.{}.{}".format(*sys.version_info),
        "hostname": socket.gethostname(),
        "addresses": addresses(),
        "avx": has_avx(os.uname().machine, text("/proc/cpuinfo")),
        "ipv6": Path("/proc/net/if_inet6").exists(),
        "now": time.time(),
    }


def text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""


def os_release(content: str) -> Dict[str, str]:
    """The pairs of an os-release(5) file."""
    pairs = (line.split("=", 1) for line in content.splitlines() if re.match(r"\w+=", line))
    return {name: " ".join(shlex.split(value)) for name, value in pairs}


def meminfo(content: str) -> Dict[str, int]:
    """The sizes in /proc/meminfo, in bytes."""
    found = re.findall(r"^(\w+):\s+(\d+) kB$", content, re.MULTILINE)
    return {name: int(size) << 10 for name, size in found}


def upstream_version(version: str) -> str:
    """`1.22.1` of the Debian version `1:1.22.1-9+deb12u1`."""
    found = re.match(r"(?:\d+:)?(\d+(?:\.\d+)*)", version)
    return found.group(1) if found else ""


def has_avx(arch: str, cpuinfo: str) -> bool:
    """Only x86-64 has processors without what MongoDB 5 and later need."""
    return arch != "x86_64" or bool(re.search(r"^flags\s*:.* avx\b", cpuinfo, re.MULTILINE))


def addresses() -> List[str]:
    """The server's own addresses, without loopback and link-local ones."""
    return ipv4(text("/proc/net/fib_trie")) + ipv6(text("/proc/net/if_inet6"))


def ipv4(fib_trie: str) -> List[str]:
    found = re.findall(r"\|-- ([\d.]+)\n\s+/32 host LOCAL", fib_trie)
    return sorted({address for address in found if not address.startswith(("127.", "169.254."))})


def ipv6(if_inet6: str) -> List[str]:
    rows = [line.split() for line in if_inet6.splitlines()]
    packed = [bytes.fromhex(row[0]) for row in rows if len(row) == 6 and row[3] == GLOBAL]
    return sorted({socket.inet_ntop(socket.AF_INET6, each) for each in packed})


def listeners() -> List[int]:
    """The TCP ports on which somebody listens, on any address."""
    return sorted({port for name in ("tcp", "tcp6") for port in ports(text(f"/proc/net/{name}"))})


def ports(table: str) -> List[int]:
    return [int(row[1].rsplit(":", 1)[1], 16) for row in sockets(table)]


def sockets(table: str) -> List[List[str]]:
    """The listening rows of /proc/net/tcp; the address comes second, the inode tenth."""
    rows = (line.split() for line in table.splitlines()[1:])
    return [row for row in rows if len(row) > 9 and row[3] == LISTENS]
