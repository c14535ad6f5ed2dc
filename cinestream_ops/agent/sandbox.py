"""
What tools of our own may do with what belongs to a site: properties for units, `Name=value` each.

They see the programs of the server and one folder, and nobody else's files, processes or network.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Tuple

from cinestream_ops.state import paths

Properties = Tuple[str, ...]

# What nothing may do that comes from a site, or is made for one.
COMMON: Properties = (
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "ProtectProc=invisible",
    "ProcSubset=pid",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "PrivateDevices=yes",
    "DevicePolicy=closed",
    "KeyringMode=private",
    "LockPersonality=yes",
    "RemoveIPC=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber=EPERM",
    "UMask=0077",
)
# The sandbox of workers (`systemd_templates/_sandbox.j2`), but for places of their own.
WORKERS: Properties = (
    *COMMON,
    "MemoryDenyWriteExecute=yes",
    "SystemCallFilter=~@privileged @resources",
)
BARE: Properties = (
    *WORKERS,
    "PrivateNetwork=yes",
    "SystemCallFilter=~@network-io",
    # Not of `/` as a whole: `ProtectSystem=strict` undoes that.
    "TemporaryFileSystem=/etc:ro /opt:ro /run:ro /srv:ro /tmp:ro /var:ro /dev/shm:ro",
    f"BindReadOnlyPaths={sys.base_prefix}",  # this very Python, wherever it is
    "WorkingDirectory=/",
    "KillSignal=SIGKILL",
    "Nice=10",
    "CPUWeight=20",
    "IOWeight=20",
)
# What one says of its troubles goes into a file.
WORDS_ALONE = "LimitFSIZE=16M"
SMALL: Properties = ("MemoryMax=512M", "MemorySwapMax=0", "TasksMax=16")


def of_packing(home: str, user: str, copy: str) -> Properties:
    """
    What packs the data at *home*: as *user*, whose it is, and by way of the file *copy*.

    SQLite shares what it knows of a database with who else has it open, in files beside it.
    """
    places = (f"BindReadOnlyPaths={home}", f"BindPaths={home}/data {copy}")
    return (*BARE, *SMALL, *own(user), *places)


def of_inspecting(copy: str) -> Properties:
    """What checks the databases of an archive: as nobody, by way of the file *copy*."""
    return (*BARE, *SMALL, "DynamicUser=yes", f"BindPaths={copy}")


def of_source(home: str, user: str) -> Properties:
    """
    What reads the release and the requirements at *home*: as nobody whom a process of *user* meets.

    Else a worker that was broken into could have other code saved than that of the release.
    """
    group = f"SupplementaryGroups={Path(home).stat().st_gid}"
    nobody = ("DynamicUser=yes", group, f"Slice={paths.slice_of(user)}")
    return (*BARE, *SMALL, *nobody, f"BindReadOnlyPaths={home}", WORDS_ALONE)


def of_unpacking(home: str, user: str) -> Properties:
    """What fills the data at *home* for *user*, and may write there only."""
    places = (f"BindReadOnlyPaths={home}", f"BindPaths={home}/data")
    # It gives back what the owner may have set on a folder: its group's for all that is below.
    return (*BARE, *SMALL, *own(user), *places, "RestrictSUIDSGID=no")


def of_compiling(tree: str) -> Properties:
    """What writes bytecode into *tree*, which is root's: root, with none of its powers."""
    return (*BARE, "MemoryMax=75%", "TasksMax=512", f"BindPaths={tree}", "UMask=0022")


def own(user: str) -> Properties:
    return (f"User={user}", f"Group={user}", f"Slice={paths.slice_of(user)}")
