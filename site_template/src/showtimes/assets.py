"""
Addresses of static files that change with their content, so that browsers may keep them for good.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, Response, request, url_for

# As nginx says it too, where there is one.
FOR_GOOD = "public, max-age=31536000, immutable"
FOR_AN_HOUR = "public, max-age=3600"
STATIC = Path(__file__).with_name("static")


def init_app(app: Flask) -> None:
    app.jinja_env.globals["asset"] = asset
    app.after_request(keep)


def keep(response: Response) -> Response:
    if request.endpoint == "static" and response.status_code in {200, 206, 304}:
        response.headers["Cache-Control"] = FOR_GOOD if request.args.get("v") else FOR_AN_HOUR
    return response


def asset(name: str) -> str:
    return url_for("static", filename=name, v=fingerprint(name))


@cache
def fingerprint(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
