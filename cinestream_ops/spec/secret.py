"""
Values that may be used and never shown.
"""

from __future__ import annotations


class Secret:
    """Text that must be asked for by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __str__(self) -> str:
        # A masked value in a rendered file would be a broken site, so break now.
        raise TypeError("a secret was formatted; call reveal() where it may be seen")
