"""
The access logs of sites, closed to everybody else from before nginx opens them.

nginx makes a log that is not there readable to all, and so tells everybody what visitors ask for;
Debian's logrotate makes the next one as it is made here.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Iterator

from cinestream_ops.agent import place
from cinestream_ops.agent.place import Place

LOG = re.compile(r"^\s*access_log (/var/log/nginx/[^/\s;]+\.access\.log)\b", re.MULTILINE)
MODE, OWNER, GROUP = 0o640, "www-data", "adm"


def close(sites: Path) -> None:
    """Those that the files in the folder *sites* name."""
    for path in dict.fromkeys(named(sites)):
        with Place(path) as here:
            close_one(here)


def named(sites: Path) -> Iterator[str]:
    for conf in sorted(sites.glob("*.conf")):
        yield from LOG.findall(conf.read_text(errors="replace"))


def close_one(here: Place) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(here.name, flags, 0o600, dir_fd=here.fd)
    try:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            place.own(fd, place.owner_id(OWNER), place.group_id(GROUP))
            os.fchmod(fd, MODE)
    finally:
        os.close(fd)
