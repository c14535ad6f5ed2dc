"""
The application as the worker imports it: `showtimes.site:app`, and whether it is ready.
"""

from __future__ import annotations

import os

from showtimes import slim  # noqa: F401 -- before all that imports Flask and pymongo

# isort: split
from pymongo.errors import PyMongoError

from showtimes import create_app, metrics
from showtimes.database import store_of
from showtimes.settings import Settings

app = create_app(Settings.read(os.environ))


def cinestream_ready() -> tuple[bool, str]:
    """Whether the database answers within two seconds."""
    try:
        store_of(app).ping()
    except PyMongoError as error:
        return False, f"the database does not answer ({type(error).__name__})"
    return True, ""


def cinestream_metrics() -> str:
    return metrics.text()
