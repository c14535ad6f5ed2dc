"""
Sites asked on this very machine whether they are well, all at once.

Only the status counts; what a site says is nobody's business here.
"""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Collection, Set, Tuple

HERE = "127.0.0.1"
OF_ONE = 5  # seconds
TURN = 0.05
REDIRECTS = {301, 308}


def well(hosts: Collection[str], patience: float) -> Set[str]:
    """Those of *hosts* that answer `/healthz` with 200 within *patience* seconds."""
    if not hosts:
        return set()
    with ThreadPoolExecutor(min(len(hosts), 16)) as pool:
        return {
            host
            for host, ok in zip(hosts, pool.map(lambda host: lives(host, patience), hosts))
            if ok
        }


def lives(host: str, patience: float) -> bool:
    end = time.monotonic() + patience
    while status(host) != 200:
        if time.monotonic() > end:
            return False
        time.sleep(TURN)
    return True


def status(host: str) -> int:
    """The status of the site behind nginx, over TLS if it asks for that; 0 without an answer."""
    try:
        code, target = answer(host, tls=False)
        if code in REDIRECTS and target.startswith("https://"):
            code, _ = answer(host, tls=True)
    except (OSError, ValueError):
        return 0
    return code


def answer(host: str, *, tls: bool) -> Tuple[int, str]:
    """The status, and where it sends us; the certificate is somebody else's question."""
    with socket.create_connection((HERE, 443 if tls else 80), timeout=OF_ONE) as plain:
        stream = secured(plain, host) if tls else plain
        return exchange(stream, "/healthz", host)


def exchange(stream: socket.socket, path: str, host: str) -> Tuple[int, str]:
    """The status and the location of the answer (RFC 9112); nothing of its body."""
    ask = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    stream.sendall(ask.encode())
    head = b""
    while b"\r\n\r\n" not in head and len(head) < 1 << 16:
        piece = stream.recv(4096)
        if not piece:
            break
        head += piece
    return parsed(head.decode("latin-1"))


def secured(plain: socket.socket, host: str) -> socket.socket:
    import ssl  # it is slow to import, and not every site has a certificate

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=host)


def parsed(head: str) -> Tuple[int, str]:
    first, *lines = head.split("\r\n")
    headers = dict(line.lower().partition(": ")[::2] for line in lines)
    return int(first[9:12]), headers.get("location", "")
