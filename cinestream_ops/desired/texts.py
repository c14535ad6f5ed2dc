"""
Files whose content is a filled-in template.
"""

from __future__ import annotations

from typing import Any

from cinestream_ops.render import render
from cinestream_ops.state.items import File


def file(path: str, template: str, context: object, **fields: Any) -> File:
    return File(path, render(template, context).encode(), **fields)
