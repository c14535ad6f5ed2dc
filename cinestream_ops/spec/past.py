"""
What a site ran before, and may run again.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field

from cinestream_ops.spec.model import Model
from cinestream_ops.spec.names import Digest, Source, WsgiName
from cinestream_ops.spec.words import NotAllowed, Word

NOTHING: Any = ""


class Ref(Word):
    """A branch, tag or commit (git-check-ref-format(1)); an empty one stands for the default."""

    rule = re.compile(r"([A-Za-z0-9_][\w./@+-]{0,199})?", re.ASCII)
    refusal = "is not the name of a branch, a tag or a commit"
    hint = "write it as in `main`, `v1.2` or `3f2a9c1`"

    @classmethod
    def spelled(cls, text: str) -> str:
        if ".." in text or "@{" in text or text.endswith((".lock", "/", ".")):
            raise NotAllowed(cls.refusal, cls.hint)
        return text


class Moment(Word):
    """A time in UTC, to the second (RFC 3339); an empty one stands for never."""

    rule = re.compile(r"(\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\dZ)?", re.ASCII)
    refusal = "is not a time"
    hint = "write it as in `2026-01-31T04:30:00Z`"


class Past(Model):
    """A release that was deployed, with all that it takes to run it again."""

    release: Digest = Field(description="the SHA-256 of the source")
    requirements: Digest = Field(description="the SHA-256 of its requirements")
    source: Source = Field(description="where it came from")
    ref: Ref = Field(NOTHING, description="the branch, tag or commit that it was")
    wsgi: WsgiName = Field(NOTHING, description="its application")
    deployed: Moment = Field(NOTHING, description="since when it ran")
