"""
Whether a link leads somewhere: asked of the network, and of nothing that is not public.

The address that was checked is the address that is connected to, so a name that changes between
the two changes nothing.  No body is ever read.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin, urlsplit

from gather import addresses
from gather.addresses import BadLink

PORT = 443
REDIRECTS = 3
SECONDS = 8.0  # for one link, with all its redirects
BUDGET = 60.0  # seconds for all of them
AT_ONCE = 8
MOST = 300
MOVED = frozenset({301, 302, 303, 307, 308})
HEADERS = {"User-Agent": "CineStream link check", "Accept": "*/*", "Connection": "close"}
NAT64 = ipaddress.ip_network("64:ff9b::/96")

Resolve = Callable[[str, int], Sequence[str]]
Connect = Callable[[str, int, str, float], socket.socket]


def resolve(host: str, port: int) -> list[str]:
    """Every address of *host*."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def connect(address: str, port: int, host: str, seconds: float) -> socket.socket:
    """A TLS connection to *address*, where a certificate for *host* is asked for."""
    plain = socket.create_connection((address, port), timeout=seconds)
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def is_public(address: str) -> bool:
    """Whether *address*, and what it may be a disguise of, is on the open internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in _faces(ip))


def _faces(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The address, and the IPv4 addresses that an IPv6 one may carry."""
    if isinstance(ip, ipaddress.IPv4Address):
        yield ip
        return
    if ip.ipv4_mapped:
        yield ip.ipv4_mapped
        return
    yield ip
    if ip.sixtofour:
        yield ip.sixtofour
    if ip.teredo:
        yield from ip.teredo
    if ip in NAT64:
        yield ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)


class Links:
    """
    Checks links; *resolve* and *connect* are how it reaches the network.

    A link is good if HEAD, or else GET, answers 2xx at it or after at most three redirects, each
    of which is held to all the rules again.
    """

    def __init__(
        self,
        resolve: Resolve = resolve,
        connect: Connect = connect,
        seconds: float = SECONDS,
        budget: float = BUDGET,
    ) -> None:
        self._resolve, self._connect = resolve, connect
        self._seconds, self._budget = seconds, budget

    def faults(
        self,
        links: Collection[tuple[str, frozenset[str]]],
        told: Callable[[int, int], None],
    ) -> dict[str, str]:
        """What is wrong with each of *links* that is not good; *told* hears how far it is."""
        end = time.monotonic() + self._budget
        found: dict[str, str] = {}
        with ThreadPoolExecutor(AT_ONCE) as threads:
            checks = threads.map(lambda link: (link[0], self._fault_by(end, *link)), links)
            for done, (url, fault) in enumerate(checks, start=1):
                told(done, len(links))
                if fault:
                    found[url] = fault
        return found

    def _fault_by(self, end: float, url: str, hosts: frozenset[str]) -> str:
        left = end - time.monotonic()
        return self.fault(url, hosts, left) if left > 0 else "link-unchecked"

    def fault(self, url: str, hosts: frozenset[str], seconds: float | None = None) -> str:
        """One word for what is wrong with *url*, or nothing."""
        end = time.monotonic() + min(seconds or self._seconds, self._seconds)
        try:
            self._follow(url, hosts, end)
        except BadLink as bad:
            return bad.reason
        except (OSError, http.client.HTTPException, ValueError):
            return "link-unreachable"
        return ""

    def _follow(self, url: str, hosts: frozenset[str], end: float) -> None:
        for _ in range(REDIRECTS + 1):
            host = addresses.allowed(url, hosts)
            address = self._public_address(host, end)
            status, location = self._ask(url, host, address, end)
            if 200 <= status < 300:
                return
            if status not in MOVED or not location:
                raise BadLink("link-dead")
            url = urljoin(url, location)
        raise BadLink("link-redirects")

    def _ask(self, url: str, host: str, address: str, end: float) -> tuple[int, str]:
        status, location = self._request("HEAD", url, host, address, end)
        if status >= 400:  # many servers do not care for HEAD
            status, location = self._request("GET", url, host, address, end)
        return status, location

    def _request(
        self, method: str, url: str, host: str, address: str, end: float
    ) -> tuple[int, str]:
        left = _left(end)
        wire = self._connect(address, PORT, host, left)
        # A timeout of a socket is for one read; a server that drips would live for ever.
        watch = threading.Timer(_left(end), _hang_up, [wire])
        watch.daemon = True
        watch.start()
        try:
            return _spoken(method, url, host, wire)
        finally:
            watch.cancel()
            wire.close()

    def _public_address(self, host: str, end: float) -> str:
        found = self._resolved(host, _left(end))
        if not found:
            raise BadLink("link-unresolved")
        if not all(map(is_public, found)):
            raise BadLink("link-private")
        return found[0]

    def _resolved(self, host: str, seconds: float) -> Sequence[str]:
        """The resolver of the system has no timeout of its own that we could set."""
        found: list[str] = []

        def look() -> None:
            with contextlib.suppress(OSError, UnicodeError):
                found.extend(self._resolve(host, PORT))

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        thread.join(seconds)
        return tuple(found)


def _spoken(method: str, url: str, host: str, wire: socket.socket) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, PORT)
    connection.sock = wire
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # Said by hand: `request` would add a port to the name.
    connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": host, **HEADERS}.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    return response.status, response.headers.get("Location", "")


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _hang_up(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
