"""
Addresses of static files that change with their content, so that browsers may keep them for good.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, url_for

STATIC = Path(__file__).with_name("static")


def init_app(app: Flask) -> None:
    app.jinja_env.globals["asset"] = asset


def asset(name: str) -> str:
    return url_for("static", filename=name, v=fingerprint(name))


@cache
def fingerprint(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
