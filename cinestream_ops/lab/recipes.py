"""
What a bare server is made of.  Text only: nothing here is run.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

SUITES = ("bookworm", "trixie")

# What an image of a Debian server has, and no more; mongod needs libcurl4.
INSTALLED = (
    "systemd systemd-sysv dbus libpam-systemd libnss-systemd openssh-server sudo adduser passwd "
    "python3 netbase iproute2 iputils-ping procps ca-certificates openssl curl libcurl4 cron "
    "tzdata less kmod"
)

# What a host of sites installs: their .debs are on the disk, so that apt only has to unpack.
AT_HAND = "nginx-light nginx certbot nftables python3-venv ssl-cert unattended-upgrades logrotate"

QUIETLY = "--quiet --yes --no-install-recommends"
HOOKS = (
    'rm -f "$1"/var/cache/apt/archives/*.deb "$1"/etc/ssh/ssh_host_*',
    f'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get install --download-only {QUIETLY} {AT_HAND}',
    'install --directory --mode=0700 "$1"/root/.ssh',
    *(
        line.format(user=user)
        for user in ("admin", "nosudo")
        for line in (
            'chroot "$1" useradd --create-home --shell /bin/bash {user}',
            'chroot "$1" install -d -m 0700 -o {user} -g {user} /home/{user}/.ssh',
        )
    ),
)


@dataclass(frozen=True)
class Recipe:
    """How the root file system of *suite* is made."""

    suite: str
    installed: tuple[str, ...] = tuple(INSTALLED.split())
    hooks: tuple[str, ...] = HOOKS

    @property
    def name(self) -> str:
        """The suite and the recipe's digest: another recipe is another root."""
        return f"{self.suite}-{hashlib.sha256(repr(self).encode()).hexdigest()[:12]}"

    def argv(self, target: str, sources: tuple[str, ...], options: str) -> tuple[str, ...]:
        """The command that makes it at *target* from apt's *sources* with apt's *options*."""
        return (
            "mmdebstrap",
            "--mode=root",
            "--variant=apt",
            f"--include={','.join(self.installed)}",
            *(f"--aptopt={option}" for option in options.splitlines()),
            "--skip=cleanup/apt",
            *(f"--customize-hook={hook}" for hook in self.hooks),
            self.suite,
            target,
            *sources,
        )
