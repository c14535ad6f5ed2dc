"""
What an address on the web must look like before anyone is sent to it.

Looks at text alone: whether the place is there, and where its name leads, is for `links`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

LONGEST = 2_000
HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])")
PRINTABLE = re.compile(r"[!-~]+")  # a browser takes more, and reads some of it in its own way


class BadLink(ValueError):
    """Says in one word of the report (`link-http`, `link-host`, …) what is wrong."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def is_host(host: str) -> bool:
    """An ASCII name of a host: no IP address, no IDN outside of punycode."""
    return bool(HOST.fullmatch(host))


def host_of(url: str) -> str:
    """The host of *url* if that is an address to send people to; raises `BadLink`."""
    if len(url) > LONGEST or not PRINTABLE.fullmatch(url) or "\\" in url:
        raise BadLink("link-shape")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadLink("link-shape") from None
    if parts.scheme != "https":
        raise BadLink("link-http" if parts.scheme == "http" else "link-scheme")
    if "@" in parts.netloc:
        raise BadLink("link-userinfo")
    if port not in {None, 443}:
        raise BadLink("link-port")
    return _named(host)


def _named(host: str) -> str:
    if _is_ip(host):
        raise BadLink("link-ip")
    if not is_host(host) or _is_mixed(host):
        raise BadLink("link-name")
    return host


def _is_ip(host: str) -> bool:
    """In any of the spellings that resolvers take: `127.1`, `0x7f000001`, `2130706433`."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        return bool(re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last))
    return True


def _is_mixed(host: str) -> bool:
    """A punycode label that decodes to nothing, or that mixes Latin letters with others."""
    for label in host.split("."):
        if label.startswith("xn--"):
            try:
                letters = [char for char in label[4:].encode().decode("punycode") if char.isalpha()]
            except UnicodeError:
                return True
            if len({char.isascii() for char in letters}) != 1:
                return True
    return False


def is_within(host: str, hosts: Iterable[str]) -> bool:
    """Whether *host* is one of *hosts*, or under one of them."""
    bare = (name.removeprefix("www.") for name in hosts)
    return any(host == name or host.endswith(f".{name}") for name in bare)


def allowed(url: str, hosts: Iterable[str]) -> str:
    """The host of *url*, which is among *hosts*; raises `BadLink`."""
    host = host_of(url)
    if not is_within(host, hosts):
        raise BadLink("link-host")
    return host
