"""
A site that tells who answers: its process, its port and its release.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

RELEASE = (Path(__file__).parent / "release.txt").read_text().strip()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    asked = parse_qs(environ["QUERY_STRING"])
    if environ["PATH_INFO"] == "/slow":
        time.sleep(float(asked["seconds"][0]))
    size = int(environ.get("CONTENT_LENGTH") or 0)
    if len(environ["wsgi.input"].read(size)) < size:
        raise ValueError("half a form")
    body = f"{asked.get('token', ['-'])[0]} {os.getpid()} {own_port()} {RELEASE}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def own_port() -> str:
    """The worker's, which is not the one that visitors come to."""
    return sys.argv[sys.argv.index("--port") + 1]
