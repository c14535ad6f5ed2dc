"""
What a source says of itself in its `site.toml`, beside its code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from cinestream_ops.errors import BadSpec, Fault
from cinestream_ops.spec import toml
from cinestream_ops.spec.model import Model, Row
from cinestream_ops.spec.names import RelativePath
from cinestream_ops.spec.site import Cache, Index, Limit, Refresh

NAME = "site.toml"


class Worker(Model):
    memory: int | None = Field(
        None, ge=16, le=65536, description="MiB a worker may be expected to use"
    )


class Static(Model):
    directory: RelativePath | None = Field(
        None, description="the directory of static files in the source"
    )


class Sent(Model):
    include: Row[str] = Field((), description="paths that are sent although git ignores them")


class SiteFile(Model):
    source: Sent | None = Field(None, description="what is sent of it, as in `[source]`")
    worker: Worker | None = Field(None, description="what a worker needs, as in `[worker]`")
    static: Static | None = Field(None, description="what nginx serves itself, as in `[static]`")
    refresh: Refresh | None = Field(None, description="a program that runs by the calendar")
    index: Row[Index] = Field((), description="indexes of its database, each an `[[index]]`")
    limit: Row[Limit] = Field((), description="limits of its paths, each a `[[limit]]`")
    cache: Row[Cache] = Field((), description="pages that nginx keeps, each a `[[cache]]`")


def included(content: bytes) -> list[str]:
    """The paths under `[source]` that are sent whatever git says; raises as `fields` does."""
    names = checked(content).get("source", {}).get("include", ())
    return [name.rstrip("/") for name in names]


def fields(content: bytes) -> dict[str, Any]:
    """The fields of a `Site` that a `site.toml` sets; raises BadSpec with all its faults."""
    table = checked(content)
    found = {
        "memory": table.get("worker", {}).get("memory"),
        "static": table.get("static", {}).get("directory"),
        "refresh": table.get("refresh"),
        "indexes": table.get("index"),
        "limits": table.get("limit"),
        "caches": table.get("cache"),
    }
    return {name: value for name, value in found.items() if value is not None}


def checked(content: bytes) -> Mapping[str, Any]:
    """The tables of a `site.toml`; raises BadSpec with all that is wrong with them."""
    reader = toml.Reader()
    try:
        table = reader.table(NAME, content.decode())
    except UnicodeDecodeError:
        raise BadSpec([Fault(NAME, "is not UTF-8 text")]) from None
    reader.model(SiteFile, NAME, table)
    reader.refuse()
    return table
