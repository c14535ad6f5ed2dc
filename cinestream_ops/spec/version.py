"""
A version of cinestream, and which of two comes later.
"""

from __future__ import annotations

import re

from cinestream_ops.spec.words import Word


class Version(Word):
    """Three numbers, and for what is tried before them `a`, `b` or `rc` with a number (PEP 440)."""

    rule = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:(a|b|rc)(\d{1,9}))?", re.ASCII)
    refusal = "is not a version of cinestream"
    hint = "leave it as cinestream wrote it, or remove the line"

    @property
    def order(self) -> tuple[int, int, int, str, int]:
        """Sorts as versions do: what is tried before a release comes before it."""
        found = self.rule.fullmatch(self)
        assert found
        major, minor, patch, stage, trial = found.groups()
        return (int(major), int(minor), int(patch), stage or "release", int(trial or 0))
