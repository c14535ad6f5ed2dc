"""
The daily refresh: `python src/daily_refresh.py`, in the directory that holds `.env`.

Prepares the database, marks the cities whose showtimes are older than a day, and says what it
found. Exits 0, or 1 with one sentence when the settings or the database are not there.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from cinestream_worker.dotenv import load_env
from cinestream_worker.errors import StartError
from pymongo.errors import PyMongoError
from showtimes import refresh
from showtimes.database import Store
from showtimes.settings import Settings, SettingsError


def main() -> int:
    try:
        load_env(Path(".env"), os.environ, required=True)
        settings = Settings.read(os.environ)
        summary = refresh.run(Store(settings.mongodb_uri, settings.mongodb_database), now())
    except (StartError, SettingsError) as error:
        return fail(str(error))
    except PyMongoError as error:
        return fail(f"the database failed: {type(error).__name__}: {error}")
    print(summary, flush=True)
    print(gathering(settings), flush=True)
    return 0


def gathering(settings: Settings) -> str:
    if not settings.anthropic_api_key:
        return "gathering is off, since `.env` sets no ANTHROPIC_API_KEY; what is known was kept"
    return "nothing was gathered: this version only keeps what is there"


def now() -> datetime:
    return datetime.now(UTC)


def fail(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
