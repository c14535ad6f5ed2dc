"""
What this machine must have before a lab can be built on it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from cinestream_ops.lab.faults import MissingTools, NotRoot

# Where a program comes from, as Debian and Ubuntu name the package.
PACKAGES = {
    "apt-get": "apt",
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "openssl": "openssl",
    "pebble": "pebble",
    "pebble-challtestsrv": "pebble",
    "setpriv": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def need_root() -> None:
    if os.geteuid() != 0:
        raise NotRoot


def need_all() -> None:
    """Raise `NotRoot`, or `MissingTools` with all that is missing at once."""
    need_root()
    packages = {tool: package for tool, package in PACKAGES.items() if not shutil.which(tool)}
    if not Path(KEYRING).exists():
        packages[KEYRING] = "debian-archive-keyring"
    if packages:
        raise MissingTools(packages, packages.values())
