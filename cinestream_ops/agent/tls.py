"""
Certificates, on the disk and as they are served.

What counts is what a visitor gets; nobody's chain is judged here.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from pathlib import Path
from typing import Any, Dict

from cinestream_ops.agent.kit import Kit


def leaf(path: Path) -> bytes:
    """The first certificate in the PEM file at *path*, as DER; `OSError` if there is none."""
    text = path.read_text()
    end = text.find(ssl.PEM_FOOTER)
    if end < 0:
        raise OSError(f"`{path}` holds no certificate")
    return ssl.PEM_cert_to_DER_cert(text[: end + len(ssl.PEM_FOOTER)])


def fingerprint(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


def served(address: str, name: str, port: int = 443, patience: float = 10) -> bytes:
    """The certificate that *address* shows to who asks for *name* (SNI), as DER; or `OSError`."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((address, port), patience) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""


def described(der: bytes, kit: Kit) -> Dict[str, Any]:
    """What a certificate says: `names`, `not_after` (seconds since the epoch), `issuer`."""
    fields = ["-noout", "-enddate", "-issuer", "-ext", "subjectAltName", "-nameopt", "RFC2253"]
    pem = ssl.DER_cert_to_PEM_cert(der).encode()
    told = parsed(kit.run(["openssl", "x509", *fields], 30, stdin=pem))
    return {**told, "fingerprint": fingerprint(der)}


def parsed(text: str) -> Dict[str, Any]:
    """The lines of openssl-x509(1)."""
    lines = dict(line.split("=", 1) for line in text.splitlines() if re.match(r"\w+=", line))
    return {
        "names": sorted(re.findall(r"DNS:([^,\s]+)", text)),
        "not_after": ssl.cert_time_to_seconds(lines["notAfter"]),
        "issuer": lines.get("issuer", ""),
    }
