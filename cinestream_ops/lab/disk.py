"""
The server's disk before its first boot: who it is, and where its packages come from.
"""

from __future__ import annotations

import re
import uuid

from cinestream_ops.lab import layer, mirrors
from cinestream_ops.lab.layer import Layer
from cinestream_ops.lab.network import HOST_NAME, Network

SOURCES = "/etc/apt/sources.list"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def furnish(disk: Layer, network: Network, gateway: str) -> None:
    """Give it a name, addresses and the *gateway* (an URL) as its only source of packages."""
    introduce(disk, network)
    for path, text in files(gateway).items():
        layer.put(disk, path, text)
    # What apt asks a proxy by https, no proxy can keep: the gateway turns it into https again.
    layer.put(disk, SOURCES, disk.read(SOURCES).replace("https://", "http://"))
    layer.put(disk, "/etc/sudoers.d/admin", "admin ALL=(ALL) NOPASSWD: ALL\n", 0o440)


def introduce(disk: Layer, network: Network) -> None:
    """Tell it who it is, and where the host's end of its network is."""
    name, host = network.name, network.host
    hosts = "127.0.0.1 localhost\n127.0.1.1 {}\n::1 localhost ip6-localhost\n{} {}\n"
    layer.put(disk, "/etc/hostname", f"{name}\n")
    layer.put(disk, "/etc/hosts", hosts.format(name, host, HOST_NAME))
    layer.put(disk, "/etc/resolv.conf", f"nameserver {host}\n")


def archives(disk: Layer) -> set[str]:
    """The addresses in its sources.list, as this machine's apt had them when the root was made."""
    return set(re.findall(r"https?://\S+", disk.read(SOURCES)))


def files(gateway: str) -> dict[str, str]:
    return {
        "/etc/default/locale": "LANG=C.UTF-8\n",
        "/etc/machine-id": f"{uuid.uuid4().hex}\n",
        # The disk is thrown away: waiting for it to be on the platter serves nobody.
        "/etc/dpkg/dpkg.cfg.d/lab": "force-unsafe-io\n",
        "/etc/apt/apt.conf.d/90lab": (
            f'Acquire::http::Proxy "{gateway}";\n'
            'Acquire::Languages "none";\n'
            f"{mirrors.apt_options()}"
        ),
        "/etc/pip.conf": f"[global]\nindex-url = {gateway}/simple/\ntrusted-host = {HOST_NAME}\n",
        "/etc/uv/uv.toml": (
            f'allow-insecure-host = ["{HOST_NAME}"]\n\n'
            f'[[index]]\nurl = "{gateway}/simple/"\ndefault = true\n'
        ),
    }


def trust(disk: Layer, certificate: str, digest: str) -> None:
    """
    Have the server trust *certificate*, whose subject has this *digest*.

    All that update-ca-certificates(8) would do, so that it finds nothing to do later.
    """
    layer.put(disk, "/usr/local/share/ca-certificates/lab.crt", certificate)
    layer.put(disk, BUNDLE, disk.read(BUNDLE) + certificate)
    layer.link(disk, "/etc/ssl/certs/lab.pem", "/usr/local/share/ca-certificates/lab.crt")
    layer.link(disk, f"/etc/ssl/certs/{digest}.0", "lab.pem")
