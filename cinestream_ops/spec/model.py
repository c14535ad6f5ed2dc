"""
What all tables of a spec have in common.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")

# TOML has lists; what is frozen has tuples.
Row = Annotated[tuple[T, ...], Field(strict=False)]


class Model(BaseModel):
    """A table: frozen, without unknown keys, and whose values are never bent into shape."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, validate_default=False
    )
