"""
A certificate authority with bad days: the lab's own behind a front that can be slow, silent, or
refuse.

The front speaks ACME's HTTP and no more; what it lets pass is Pebble's.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography import x509

from cinestream_ops.lab import Lab, homes

PEBBLE = 14000
# The moods in which another key's certificate is sent, and its names; none are those asked for.
WRONG = {"confused": ["stranger.test"], "mistaken": []}
OWN = {"connection", "transfer-encoding", "content-length", "date", "server"}
LIMITED = {
    "type": "urn:ietf:params:acme:error:rateLimited",
    "detail": "too many certificates for this test",
    "status": 429,
}


class Authority(ThreadingHTTPServer):
    """
    At *directory*; its *mood* is `well`, `slow`, `away`, `limiting`, or

    - `silent`: it takes connections, and never says a word on them;
    - `hanging`: its directory is told, and no order is ever answered;
    - `confused`: it sends the certificate of somebody else;
    - `mistaken`: it sends one for the right names, and for another key.
    """

    daemon_threads = True

    def __init__(self, address: str, folder: Path) -> None:
        super().__init__((address, 0), Answer)
        self.mood = "well"
        self.pause = 1.0  # seconds, when slow
        self.address = address
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "acme.pem", folder / "acme.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.unheard: list[socket.socket] = []

    @property
    def directory(self) -> str:
        return f"https://{self.address}:{self.server_port}/dir"

    def get_request(self) -> tuple[socket.socket, Any]:
        if self.mood != "silent":
            return super().get_request()
        self.unheard.append(socket.socket.accept(self.socket)[0])
        raise OSError("nobody listens")  # and so there is nothing to handle

    def server_close(self) -> None:
        super().server_close()
        for each in self.unheard:
            each.close()

    def handle_error(self, *_: Any) -> None:
        """A client that has hung up is none of ours."""


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Authority

    def answer(self) -> None:
        mood = self.server.mood
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if mood == "hanging" and "order" in self.path:
            while self.server.mood == mood:
                time.sleep(0.1)
            self.close_connection = True
        elif mood == "away":
            self.close_connection = True
        elif mood == "limiting" and "order" in self.path:
            nonce = self.passed_on("HEAD", b"", "/nonce-plz")[1].get("Replay-Nonce", "")
            head = {"Content-Type": "application/problem+json", "Replay-Nonce": nonce}
            self.tell(429, {**head, "Retry-After": "3600"}, json.dumps(LIMITED).encode())
        else:
            if mood == "slow":
                time.sleep(self.server.pause)
            status, head, told = self.passed_on(self.command, body, self.path)
            wrong = mood in WRONG and self.path.startswith("/certZ/")
            self.tell(status, head, another(WRONG[mood] or names(told)) if wrong else told)

    do_GET = do_HEAD = do_POST = answer  # noqa: N815 -- http.server looks them up

    def passed_on(self, verb: str, body: bytes, path: str) -> tuple[int, dict[str, str], bytes]:
        """What Pebble says to it; its own addresses then are ours, since it goes by the name asked."""
        context = ssl._create_unverified_context()
        pebble = http.client.HTTPSConnection(
            self.server.address, PEBBLE, context=context, timeout=30
        )
        kept = {
            name: self.headers[name]
            for name in ("Content-Type", "User-Agent")
            if name in self.headers
        }
        pebble.request(verb, path, body or None, {**kept, "Host": self.headers["Host"]})
        came = pebble.getresponse()
        told = came.read()
        pebble.close()
        return came.status, {n: v for n, v in came.getheaders() if n.lower() not in OWN}, told

    def tell(self, status: int, head: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in head.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


def names(pem: bytes) -> list[str]:
    """Those that the first certificate in *pem* is for."""
    leaf = x509.load_pem_x509_certificate(pem)
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return found.value.get_values_for_type(x509.DNSName)


def another(names: Sequence[str]) -> bytes:
    """A certificate for *names* with a key of somebody else's, as PEM."""
    told = ",".join(f"DNS:{name}" for name in names)
    with TemporaryDirectory() as folder:
        made = Path(folder, "leaf.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "90", "-subj", "/CN=stranger", "-addext", f"subjectAltName={told}",
             "-keyout", f"{folder}/key", "-out", made],
            check=True, capture_output=True,
        )  # fmt: skip
        return made.read_bytes() * 2


@contextmanager
def authority(lab: Lab, folder: Path | None = None) -> Iterator[Authority]:
    """One for *lab*, which trusts it as the lab's own; or as who signed what is in *folder*."""
    address = lab.address.rpartition(".")[0] + ".1"
    with Authority(address, folder or homes.home(lab.name).folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
