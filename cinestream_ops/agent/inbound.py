"""
Who may connect to this server now: where sshd listens, what else is open to all, and who else
decides about that.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any, Dict, Iterator, List, Tuple

from cinestream_ops.agent import kit as kits
from cinestream_ops.agent.examine import holding, names, process_name
from cinestream_ops.agent.machine import LISTENS, text
from cinestream_ops.agent.refused import Refused

SSHD = ["/usr/sbin/sshd", "-T"]
CHAINS = ["nft", "-j", "list", "chains"]
PATIENCE = 10  # seconds
BOUND = "07"  # a UDP socket without a peer, as /proc/net/udp writes it
OURS = {80, 443}
ASKERS = {68, 546}  # clients of DHCP, which are answered in any case
EPHEMERAL = 32768  # from here on, a UDP port is mostly somebody's who has asked (ip(7))
LOOPBACK = re.compile(r"(0{24}01000000|.*7F)")  # as /proc/net/tcp writes it, ::1 and 127.0.0.0/8


def inbound() -> Dict[str, Any]:
    """`logins`, the ports of sshd; `public`, by `8443/tcp` who listens; and another `firewall`."""
    public = listeners()
    logins = sorted({*configured(), *connected(), *found_as("sshd", public)})
    return {
        "logins": logins,
        "public": {
            port: who
            for port, who in public.items()
            if port not in {f"{each}/tcp" for each in {*logins, *OURS}}
        },
        "firewall": firewall(),
    }


def said(argv: List[str]) -> str:
    """What a program tells; nothing if it is not there, or fails."""
    try:
        child = kits.started(argv)
    except Refused:
        return ""
    try:
        return child.communicate(timeout=PATIENCE)[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        return ""
    finally:
        kits.end(child)


def configured() -> Iterator[int]:
    yield from map(int, re.findall(r"^port ([0-9]{1,5})$", said(SSHD), re.MULTILINE))


def connected() -> Iterator[int]:
    """The port that this very conversation came by, as sshd(8) tells it."""
    told = os.environ.get("SSH_CONNECTION", "").split()
    if len(told) == 4 and told[3].isdigit():
        yield int(told[3])


def found_as(name: str, public: Dict[str, str]) -> Iterator[int]:
    yield from (int(port.partition("/")[0]) for port, who in public.items() if f"`{name}`" in who)


def listeners() -> Dict[str, str]:
    """By port, who listens there on an address that others reach."""
    links = dict(sockets())
    holders: Dict[str, Dict[int, str]] = {}
    for pid, link in holding([*links]):
        holders.setdefault(links[link], {})[pid] = process_name(pid)
    ports = sorted({*links.values()}, key=lambda port: (int(port.partition("/")[0]), port))
    return {port: ", ".join(names(holders.get(port, {}))) or "the kernel" for port in ports}


def sockets() -> Iterator[Tuple[str, str]]:
    """The link of each socket that is open to others, and its port."""
    for protocol in ("tcp", "udp"):
        for table in (protocol, f"{protocol}6"):
            for number, row in enumerate(text(f"/proc/net/{table}").splitlines()[1:]):
                each = row.split()
                if len(each) > 9 and (port := opened(protocol, each)):
                    # The kernel's own have no inode, and no handle.
                    link = each[9] if each[9] != "0" else f"{table}-{number}"
                    yield f"socket:[{link}]", f"{port}/{protocol}"


def opened(protocol: str, row: List[str]) -> int:
    """The port on which others are heard; 0 if they are not."""
    address, _, number = row[1].rpartition(":")
    port = int(number, 16)
    if LOOPBACK.fullmatch(address):
        return 0
    if protocol == "tcp":
        return port if row[3] == LISTENS else 0
    asks = port in ASKERS or (port >= EPHEMERAL and row[9] != "0")
    return port if row[3] == BOUND and not asks else 0


def firewall() -> str:
    """The table of somebody else that drops what comes in; empty if there is none."""
    try:
        told = json.loads(said(CHAINS) or "{}").get("nftables", [])
    except ValueError:
        return ""
    for each in (row["chain"] for row in told if isinstance(row, dict) and "chain" in row):
        table = f"{each.get('family')} {each.get('table')}"
        drops = each.get("policy") == "drop" or each.get("table") == "firewalld"
        if each.get("hook") == "input" and drops and "cinestream" not in table:
            return table
    return ""
