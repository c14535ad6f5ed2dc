"""
CineStream: what is on at the cinemas of a city, in English, Ukrainian and Russian.

Importing this imports nothing else, so that each process loads only what it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from showtimes.settings import Settings


def create_app(settings: Settings) -> Flask:
    """The web application; it opens its database when a page first needs it."""
    from showtimes import factory

    return factory.create_app(settings)
