"""
What the owner of the site has settled, read from the environment once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

REQUIRED = ("MONGODB_URI", "MONGODB_DATABASE", "SECRET_KEY")


class SettingsError(RuntimeError):
    """The environment lacks what the site cannot do without."""


@dataclass(frozen=True)
class Settings:
    """The site's own words of `.env`; secrets are not shown when this is printed."""

    mongodb_uri: str = field(repr=False)
    mongodb_database: str
    secret_key: str = field(repr=False)
    anthropic_api_key: str = field(default="", repr=False)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Raises `SettingsError` with the names of everything that is missing."""
        missing = [name for name in REQUIRED if not environ.get(name)]
        if missing:
            raise SettingsError(f"`.env` does not set {', '.join(missing)}")
        return cls(
            mongodb_uri=environ["MONGODB_URI"],
            mongodb_database=environ["MONGODB_DATABASE"],
            secret_key=environ["SECRET_KEY"],
            anthropic_api_key=environ.get("ANTHROPIC_API_KEY", ""),
        )
