"""
What of the names, certificates and sites that a plan asks about is somebody else's.

It reads files of nginx, certbot and dpkg, and changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, Collection, Dict, Iterator, List, Mapping

from cinestream_ops.agent import lineages, packages
from cinestream_ops.state import paths

AVAILABLE = Path(paths.NGINX, "sites-available/default")
# What nginx of the distribution includes.  A file that we made names no domain there.
READ = ("sites-enabled/*", "conf.d/*.conf", "nginx.conf")
COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*")
NAMES = re.compile(r"(?:^|[\s{};])server_name\s+([^;]*);")


def strangers(order: Mapping[str, Any]) -> Dict[str, Any]:
    """By lineage how it is renewed, by name the file that serves it, and the changed `defaults`."""
    ways = {lineage: lineages.renewed_by(lineage) for lineage in order["lineages"]}
    return {
        "lineages": {lineage: way for lineage, way in ways.items() if way},
        "served": served(Path(paths.NGINX), set(order["names"])),
        "defaults": changed(Path(paths.NGINX_DEFAULT)) if order["default"] else [],
    }


def served(nginx: Path, wanted: Collection[str]) -> Dict[str, str]:
    """Those of the names *wanted* that a file of nginx's has, and which."""
    found: Dict[str, str] = {}
    for path in (path for pattern in READ for path in sorted(nginx.glob(pattern))):
        for name in named(path):
            if name in wanted:
                found.setdefault(name, str(path))
    return found


def named(path: Path) -> Iterator[str]:
    """The names in *path*; a leading dot stands for the name itself and all below it."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return
    for names in NAMES.findall(COMMENT.sub("", text)):
        yield from (name.strip("\"'").lstrip(".").lower() for name in names.split())


def changed(default: Path) -> List[str]:
    """The distribution's own site, if it is not as dpkg has put it there (deb822, Conffiles)."""
    if not default.is_symlink() or default.resolve() != AVAILABLE.resolve():
        return [str(default)]
    status = packages.STATUS.read_text("utf-8", "replace")
    listed = re.search(rf"^ {re.escape(str(AVAILABLE))} ([0-9a-f]{{32}})", status, re.MULTILINE)
    try:
        found = hashlib.md5(AVAILABLE.read_bytes(), usedforsecurity=False).hexdigest()
    except OSError:
        return []  # a link to nothing serves nothing
    return [] if listed and listed.group(1) == found else [str(AVAILABLE)]
