"""
Sites asked on this very machine whether they are well, all at once.

Only the status counts; what a site says is nobody's business here, and how long it takes to say it
is bounded as a whole.
"""

from __future__ import annotations

import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Collection, Dict, Iterator, Mapping, Set, Tuple

HERE = "127.0.0.1"
OF_ONE = 5  # seconds
TURN = 0.05
AT_ONCE = 64
REDIRECTS = {301, 308}
HEALTH, NAME = "/healthz", "/.cinestream-site"
HEADER = "x-cinestream-site"  # what nginx itself answers there

Headers = Dict[str, str]


def well(hosts: Collection[str], patience: float) -> Set[str]:
    """Those of *hosts* that answer `/healthz` with 200 within *patience* seconds."""
    if not hosts:
        return set()
    with ThreadPoolExecutor(min(len(hosts), AT_ONCE)) as pool:
        answers = pool.map(lambda host: lives(host, patience), hosts)
        return {host for host, ok in zip(hosts, answers) if ok}


def names(hosts: Collection[str]) -> Dict[str, str]:
    """The site that nginx answers for at each of *hosts*, whatever its workers do."""
    if not hosts:
        return {}
    with ThreadPoolExecutor(min(len(hosts), AT_ONCE)) as pool:
        found = zip(hosts, pool.map(lambda host: asked_for(host, NAME)[1].get(HEADER, ""), hosts))
        return {host: name for host, name in found if name}


def asked(hosts: Collection[str]) -> Mapping[str, Future[bool]]:
    """Whether each of *hosts* is well, as is found out meanwhile."""
    if not hosts:
        return {}
    pool = ThreadPoolExecutor(min(len(hosts), AT_ONCE))
    found = {host: pool.submit(lives, host, 0) for host in hosts}
    pool.shutdown(wait=False)
    return found


def unwell(found: Mapping[str, Future[bool]]) -> Set[str]:
    """Those that were *asked* and are not well, or have not answered a little later."""
    wait(found.values(), timeout=1)
    for each in found.values():
        each.cancel()
    return {
        host
        for host, each in found.items()
        if each.cancelled() or not each.done() or not each.result()
    }


def lives(host: str, patience: float) -> bool:
    end = time.monotonic() + patience
    while asked_for(host, HEALTH)[0] != 200:
        if time.monotonic() > end:
            return False
        time.sleep(TURN)
    return True


def asked_for(host: str, path: str) -> Tuple[int, Headers]:
    """What is behind nginx, over TLS if it asks for that; 0 without an answer."""
    end = time.monotonic() + OF_ONE
    try:
        code, headers = answer(host, path, end, tls=False)
        if code in REDIRECTS and headers.get("location", "").startswith("https://"):
            code, headers = answer(host, path, end, tls=True)
    except (OSError, ValueError):
        return 0, {}
    return code, headers


def answer(host: str, path: str, end: float, *, tls: bool) -> Tuple[int, Headers]:
    """The status and headers until *end*; the certificate is somebody else's question."""
    with opened(host, end, tls=tls) as stream:
        return exchange(stream, path, host, end)


@contextmanager
def opened(host: str, end: float, *, tls: bool) -> Iterator[socket.socket]:
    """A connection to nginx, as who asks for *host* opens it."""
    with socket.create_connection((HERE, 443 if tls else 80), timeout=left(end)) as plain:
        if not tls:
            yield plain
            return
        with secured(plain, host) as stream:
            yield stream


def exchange(
    stream: socket.socket, path: str, host: str, end: float, more: str = ""
) -> Tuple[int, Headers]:
    """
    The status and the headers of the answer (RFC 9112); nothing of its body.

    `OSError` if they are not there by *end*, a moment of `time.monotonic`, however it trickles.
    *more* are lines of the question's head.
    """
    stream.settimeout(left(end))
    ask = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n"
    stream.sendall(ask.encode())
    head = b""
    while b"\r\n\r\n" not in head and len(head) < 1 << 16:
        stream.settimeout(left(end))
        piece = stream.recv(4096)
        if not piece:
            break
        head += piece
    return parsed(head.decode("latin-1"))


def left(end: float) -> float:
    """The seconds until *end*; `OSError` if there are none."""
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise socket.timeout("timed out")
    return seconds


def secured(plain: socket.socket, host: str) -> socket.socket:
    import ssl  # it is slow to import, and not every site has a certificate

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=host)


def parsed(head: str) -> Tuple[int, Headers]:
    first, *lines = head.partition("\r\n\r\n")[0].split("\r\n")
    headers: Headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        before = headers.get(name.lower())
        headers[name.lower()] = "\n".join(filter(None, (before, value.strip())))
    return int(first[9:12]), headers
