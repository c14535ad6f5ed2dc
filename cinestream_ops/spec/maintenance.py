"""
What visitors are told while a site is away on purpose.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field

from cinestream_ops.spec.model import Model
from cinestream_ops.spec.words import Word

NOTHING: Any = ""


class Notice(Word):
    """A sentence or two in plain text; an empty one stands for ours."""

    rule = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{0,500}")
    refusal = "the message has a line break or a control character in it, or is too long"
    hint = "write one line of at most 500 characters"
    shown = False


class Maintenance(Model):
    """A page with status 503 in place of the site."""

    message: Notice = Field(NOTHING, description="what visitors read")
    retry_after: int = Field(
        300, ge=1, le=86400, description="seconds after which visitors may ask again"
    )
