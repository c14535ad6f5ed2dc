"""
The files that come with cinestream and go to servers, from a checkout or from the wheel.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from cinestream_ops.channel import bundle
from cinestream_ops.desired.shipped import Shipped
from cinestream_ops.engine.trees import tar

PACKAGE = Path(__file__).parent.parent


@cache
def folder(name: str) -> Path:
    """`site_template` and its like: beside the package in a checkout, inside it in a wheel."""
    packed = PACKAGE / "_shipped" / name
    return packed if packed.exists() else PACKAGE.parent / name


@cache
def shipped() -> Shipped:
    return Shipped(
        agent=bundle.program(),
        runner=tar(folder("site_template") / "src", "cinestream_worker"),
        tools=(folder("requirements") / "tools.txt").read_bytes(),
    )
