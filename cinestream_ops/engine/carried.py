"""
What the owner's machine brings into a conversation beside the specs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cinestream_ops.channel.conversation import Blob
from cinestream_ops.spec.secret import Secret


@dataclass(frozen=True)
class Carried:
    """Uploads by the digest of their content, and secrets by `SITE/NAME`."""

    uploads: Mapping[str, Blob] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)

    def given(self, site: str) -> tuple[str, ...]:
        """The names of the secrets that are brought for *site*."""
        owners = (key.partition("/") for key in sorted(self.secrets))
        return tuple(name for owner, _, name in owners if owner == site)
