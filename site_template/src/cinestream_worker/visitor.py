"""
What an application is told of its visitor: the truth, which nginx tells, and no hearsay.

Nobody but nginx and root reaches the port, and nginx writes these headers anew for each request.
"""

from __future__ import annotations

import re
from typing import Any

# Of the headers that tell of a visitor's way, those that nginx has set.
OURS = frozenset({"HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO"})
HEARSAY = ("HTTP_FORWARDED", "HTTP_X_FORWARDED", "HTTP_X_ORIGINAL_", "HTTP_X_REWRITE_")
HOST = re.compile(r"(.*?)(?::([0-9]*))?", re.ASCII | re.DOTALL)
PORTS = {"http": "80", "https": "443"}


def introduce(environ: dict[str, Any]) -> None:
    """
    Put the visitor's address, scheme, host and port where PEP 3333 and RFC 3875 have them.

    What was asked without nginx, by hand or by root, stays as it is.
    """
    for name in [each for each in environ if each.startswith(HEARSAY) and each not in OURS]:
        del environ[name]
    scheme = environ.get("HTTP_X_FORWARDED_PROTO", "")
    if scheme not in PORTS:
        return
    environ["wsgi.url_scheme"] = scheme
    name, port = parted(environ.get("HTTP_HOST", ""))
    environ["SERVER_NAME"] = name or environ["SERVER_NAME"]
    environ["SERVER_PORT"] = port or PORTS[scheme]
    environ["REMOTE_ADDR"] = environ.get("HTTP_X_REAL_IP", environ["REMOTE_ADDR"])
    # Its port is that of nginx.
    environ.pop("REMOTE_PORT", None)


def parted(host: str) -> tuple[str, str]:
    """The name in *host*, and the port behind it."""
    found = HOST.fullmatch(host)
    assert found is not None
    return found[1], found[2] or ""
