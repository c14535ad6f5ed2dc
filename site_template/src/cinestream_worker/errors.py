"""
Why a worker does not start, and how an error is told on one line.
"""

from __future__ import annotations


class StartError(Exception):
    """Why the application cannot be served, in one sentence."""


def sentence(error: BaseException) -> str:
    """The kind and the message of *error*, on one line of bounded length."""
    return f"{type(error).__name__}: {error}".replace("\n", " ").removesuffix(": ")[:400]
