"""
What is wrong with the owner's source.
"""

from __future__ import annotations

from cinestream_ops.errors import OpsError


class SourceError(OpsError):
    """The owner's source cannot be used."""
