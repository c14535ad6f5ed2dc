"""
Throwaway servers with a real systemd, for trials and for our own tests.
"""

from cinestream_ops.lab.lab import Lab
from cinestream_ops.lab.labs import (
    boot,
    down,
    down_all,
    find,
    keep,
    listing,
    power_cut,
    reboot,
    ssh_argv,
    up,
)

__all__ = [
    "Lab",
    "boot",
    "down",
    "down_all",
    "find",
    "keep",
    "listing",
    "power_cut",
    "reboot",
    "ssh_argv",
    "up",
]
