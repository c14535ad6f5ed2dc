"""
What the owner wants run before and after a release goes live.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

from pydantic import Field

from cinestream_ops.spec.model import Model
from cinestream_ops.spec.names import Program
from cinestream_ops.spec.words import NotAllowed, Word

NOTHING: Any = ""


class Command(Word):
    """A program of the source with its arguments, quoted as for a shell; empty for none."""

    rule = re.compile(r"[^\x00-\x1f\x7f]{0,1024}")
    refusal = "is not a program of the source with its arguments"
    hint = "write it as in `manage.py migrate --noinput`; no shell reads it"

    @classmethod
    def spelled(cls, text: str) -> str:
        try:
            words = shlex.split(text)
        except ValueError:
            raise NotAllowed("has a quote that is not closed", cls.hint) from None
        if words:
            Program(words[0])
        return text

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(shlex.split(self))


class Hooks(Model):
    """Programs of the new release, run as the site's user; the time they may take in seconds."""

    pre: Command = Field(NOTHING, description="before any worker runs the release")
    post: Command = Field(NOTHING, description="once all workers run it")
    timeout: int = Field(600, ge=1, le=86400, description="seconds that each of them may take")
