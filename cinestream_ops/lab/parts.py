"""
What stands around a server: its package gateway, its DNS and its ACME authority, on the host's end.

Each is a process in a control group of its own; none of them is ever restarted behind one's back.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.request import urlopen

from cinestream_ops.lab import cache, cgroups, commands, gateway, mirrors
from cinestream_ops.lab.faults import DiedEarly, TookTooLong
from cinestream_ops.lab.homes import Home
from cinestream_ops.lab.network import HOST_NAME, Network

GATEWAY, DNS, DNS_MANAGEMENT, ACME, ACME_MANAGEMENT = 8080, 53, 8055, 14000, 15000
START_SECONDS = 30

# Nothing is left to chance: pebble(1) would refuse 5% of good nonces, reuse half of the
# authorizations, and sleep up to 15 seconds before each validation.
CERTAIN = {
    "PEBBLE_WFE_NONCEREJECT": "0",
    "PEBBLE_AUTHZREUSE": "0",
    "PEBBLE_VA_NOSLEEP": "1",
    "PEBBLE_VA_ALWAYS_VALID": "0",
}


@dataclass(frozen=True)
class Part:
    """A process beside the server, and the ports that it answers on once it is ready."""

    name: str
    argv: tuple[str, ...]
    ports: tuple[int, ...]


NAMES = ("gateway", "dns", "acme")


def parts(home: Home, network: Network) -> tuple[Part, ...]:
    host = network.host
    return (
        Part("gateway", (sys.executable, "-I", gateway.__file__, str(settings(home))), (GATEWAY,)),
        Part("dns", dns_argv(network), (DNS_MANAGEMENT,)),
        Part(
            "acme",
            ("pebble", "-config", str(pebble_config(home)), "-dnsserver", f"{host}:{DNS}"),
            (ACME, ACME_MANAGEMENT),
        ),
    )


def dns_argv(network: Network) -> tuple[str, ...]:
    """A resolver in whose world every name leads to the server, until told otherwise."""
    return (
        "pebble-challtestsrv",
        *("-defaultIPv4", network.server, "-defaultIPv6", ""),
        *("-dns01", f"{network.host}:{DNS}"),
        *("-management", f"{network.host}:{DNS_MANAGEMENT}"),
        *("-http01", "", "-https01", "", "-tlsalpn01", ""),
    )


def settings(home: Home) -> Path:
    return home.folder / "gateway.json"


def pebble_config(home: Home) -> Path:
    return home.folder / "pebble.json"


def write_settings(home: Home, network: Network, archives: Iterable[str]) -> None:
    """*archives* are the addresses that the server's apt will ask for."""
    index = mirrors.index()
    told = gateway.Settings(
        address=network.host,
        port=GATEWAY,
        store=str(cache.folder("packages")),
        archives=tuple(sorted(archives)),
        indexes=index.urls,
        authorities=index.authorities,
    )
    settings(home).write_text(json.dumps(asdict(told)))
    pebble_config(home).write_text(json.dumps({"pebble": pebble(home, network)}))


def pebble(home: Home, network: Network) -> Mapping[str, object]:
    return {
        "listenAddress": f"{network.host}:{ACME}",
        "managementListenAddress": f"{network.host}:{ACME_MANAGEMENT}",
        "certificate": str(home.folder / "acme.pem"),
        "privateKey": str(home.folder / "acme.key"),
        "httpPort": 80,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
    }


KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "365")


def make_authority(home: Home) -> str:
    """
    An authority that vouches for the ACME server.

    Returns the digest under which OpenSSL looks for the authority.
    """
    commands.output(
        *("openssl", "req", "-x509", *KEY, "-subj", "/CN=cinestream lab"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        *("-out", str(home.authority), "-keyout", str(home.authority_key)),
    )
    return commands.output("openssl", "x509", "-noout", "-hash", "-in", str(home.authority)).strip()


def certify(home: Home, network: Network) -> None:
    """The ACME server's own certificate, by the authority, for its name and its address."""
    commands.output(
        *("openssl", "req", "-x509", *KEY, "-subj", f"/CN={HOST_NAME}"),
        *("-CA", str(home.authority), "-CAkey", str(home.authority_key)),
        *("-addext", f"subjectAltName=DNS:{HOST_NAME},IP:{network.host}"),
        *("-addext", "basicConstraints=critical,CA:FALSE"),
        *("-addext", "extendedKeyUsage=serverAuth"),
        *("-out", str(home.folder / "acme.pem"), "-keyout", str(home.folder / "acme.key")),
    )


def start(home: Home, network: Network) -> None:
    """Start them all; `wait` says when they are there."""
    env = {**os.environ, **CERTAIN}
    for part in parts(home, network):
        group = cgroups.lab(home.name) / part.name
        cgroups.start(group, part.argv, home.log(part.name), env)


def wait(home: Home, network: Network) -> None:
    """Until each answers.  Raises `DiedEarly` and `TookTooLong`, with its last words."""
    deadline = time.monotonic() + START_SECONDS
    for part in parts(home, network):
        while not all(answers(network.host, port) for port in part.ports):
            if not cgroups.alive(cgroups.lab(home.name) / part.name):
                raise DiedEarly(f"the lab's {part.name}", home.said(part.name))
            if time.monotonic() > deadline:
                what = f"the start of the lab's {part.name}"
                raise TookTooLong(what, START_SECONDS, home.said(part.name))
            time.sleep(0.02)
    home.acme_root.write_bytes(issuer(home, network))


def answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def issuer(home: Home, network: Network) -> bytes:
    """The root that the ACME server issues from, which it makes anew at each start."""
    trust = ssl.create_default_context(cafile=home.authority)
    url = f"https://{network.host}:{ACME_MANAGEMENT}/roots/0"
    with urlopen(url, timeout=START_SECONDS, context=trust) as answer:
        return bytes(answer.read())


def alive(name: str) -> bool:
    return all(cgroups.alive(cgroups.lab(name) / part) for part in NAMES)
