"""
The files that come with cinestream and go to every server.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shipped:
    """
    The content of `paths.AGENT`, a tar of what `paths.RUNNER` leads to, and the requirements of
    our own tools with their hashes.
    """

    agent: bytes
    runner: bytes
    tools: bytes
