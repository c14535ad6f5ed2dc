"""
What the owner's machine brings into a conversation beside the specs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cinestream_ops.channel.conversation import Blob
from cinestream_ops.engine.selection import LeftOut
from cinestream_ops.spec.secret import Secret


@dataclass(frozen=True)
class Origin:
    """
    Where the code of a site comes from, what of it travels, and what stays at home.

    *source* is a directory in full or the address of a git repository, *release* the digest of
    what travels: so many *files* of *size* bytes.
    """

    source: str
    ref: str = ""
    commit: str = ""
    release: str = ""
    files: int = 0
    size: int = 0
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class Carried:
    """Uploads by the digest of their content, secrets by `SITE/NAME`, origins by the site."""

    uploads: Mapping[str, Blob] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def given(self, site: str) -> tuple[str, ...]:
        """The names of the secrets that are brought for *site*."""
        owners = (key.partition("/") for key in sorted(self.secrets))
        return tuple(name for owner, _, name in owners if owner == site)
