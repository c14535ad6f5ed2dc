"""
The daily refresh: `python src/daily_refresh.py`, in the directory that holds `.env`.

Prepares the database, marks the cities whose showtimes are older than a day, looks again at those
that have visitors, and says what it found. Exits 0, or 1 when most of the cities that were tried
failed, or with one sentence when the settings or the database are not there. SIGTERM ends it: what
runs is killed, and the cities are as they were. With `--batch`, it asks for all cities at once, by
the batches API: that takes up to two hours, and half of the price.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cinestream_worker.dotenv import load_env
from cinestream_worker.errors import StartError
from cinestream_worker.logs import start_logging
from pymongo.errors import PyMongoError
from showtimes import batching, refresh
from showtimes.database import Store
from showtimes.runs import Runner
from showtimes.settings import Settings, SettingsError

OFF = "gathering is off, since `.env` sets no ANTHROPIC_API_KEY; what is known was kept"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="daily_refresh.py", description="The daily refresh.")
    parser.add_argument("--batch", action="store_true", help="slower, at half of the price")
    given = parser.parse_args(argv)
    try:
        load_env(Path(".env"), os.environ, required=True)
        settings = Settings.read(os.environ)
        start_logging(os.environ)
        store = Store(settings.mongodb_uri, settings.mongodb_database)
        print(refresh.run(store, now()), flush=True)
        return gather(store, settings, batch=given.batch)
    except (StartError, SettingsError) as error:
        return fail(str(error))
    except PyMongoError as error:
        return fail(f"the database failed: {type(error).__name__}: {error}")


def gather(store: Store, settings: Settings, *, batch: bool) -> int:
    if not settings.anthropic_api_key:
        print(OFF, flush=True)
        return 0
    runner = Runner(store, settings)
    looks = batching.Batch(runner) if batch else refresh.Looks(runner)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: looks.stop())
    gathered = looks.run(refresh.due(store, now(), settings.gathering.min_age))
    print(gathered, flush=True)
    return 0 if gathered.well else 1


def now() -> datetime:
    return datetime.now(UTC)


def fail(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
