"""
What all commands share that make another release live.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cinestream_ops.cli.code import Code
from cinestream_ops.cli.options import CodeOptions
from cinestream_ops.spec import succession, toml
from cinestream_ops.spec.site import Site


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def changes(there: Site, options: CodeOptions, brought: Code) -> dict[str, Any]:
    """What *options* and the code *brought* change in the spec of the site that is *there*."""
    keys = {key: value for key, value in brought.keys.items() if key != "memory"}
    keys |= options.plain
    return {**succession.succeeded(there, keys, now()), **hooks(there, options)}


def hooks(there: Site, options: CodeOptions) -> dict[str, Any]:
    if not options.hooks:
        return {}
    before = toml.told(there.hooks) if there.hooks else {}
    after = {**before, **options.hooks}
    return {"hooks": after if after.get("pre") or after.get("post") else None}
