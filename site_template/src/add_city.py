"""
Adds a city to the site: `python src/add_city.py SLUG …`, in the directory that holds `.env`.

Exits 0 when the city is as it was asked for, 1 when it cannot be, 2 when the words make no sense.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cinestream_worker.dotenv import load_env
from cinestream_worker.errors import StartError, sentence
from pymongo.errors import PyMongoError
from showtimes import additions, places
from showtimes.additions import BadCity
from showtimes.cities import ZONE
from showtimes.database import Store
from showtimes.settings import Settings, SettingsError

EXAMPLE = """\
example:
  add_city.py vyshneve --en Vyshneve --ua Вишневе --ru Вишнёвое --at 50.389,30.37 --people 41000

Adding it again with other words corrects it.  Cities that come with the site stay as they are.
The showtimes of a city that is removed are shown no more, and deleted when they expire."""


def words(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="add_city.py",
        description="Adds a city to the site, lists the cities, or removes one that was added.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("slug", nargs="?", default="", help="the city's word in addresses")
    parser.add_argument("--en", default="", metavar="NAME", help="its name in English")
    parser.add_argument("--ua", default="", metavar="NAME", help="its name in Ukrainian")
    parser.add_argument("--ru", default="", metavar="NAME", help="its name in Russian")
    parser.add_argument("--at", default="", metavar="LAT,LON", help="where it is, in degrees")
    parser.add_argument("--people", default="", metavar="N", help="how many live there")
    parser.add_argument("--zone", default=ZONE, help=f"its time zone, if not {ZONE}")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--list", action="store_true", help="list the cities, added ones marked")
    other.add_argument("--remove", metavar="SLUG", help="remove a city that was added")
    given = parser.parse_args(argv)
    facts = [name for name in ("slug", "en", "ua", "ru", "at", "people") if getattr(given, name)]
    if (given.list or given.remove is not None) and facts:
        parser.error(f"--list and --remove go without {', '.join(facts)}")
    return given


def main(argv: Sequence[str] | None = None) -> int:
    given = words(argv)
    try:
        # Before the database is asked for: this much can be told without one.
        city = None if given.list or given.remove is not None else additions.city(vars(given))
        with_store = store()
        if city:
            said = told(city.slug, additions.add(with_store.locations, city))
        elif given.remove is not None:
            said = removed(given.remove, there=additions.remove(with_store.locations, given.remove))
        else:
            said = listed(with_store)
    except BadCity as bad:
        return fail(*bad.faults)
    except (StartError, SettingsError) as error:
        return fail(str(error))
    except PyMongoError as error:
        return fail(f"the database failed: {sentence(error)}")
    print(said, flush=True)
    return 0


def store() -> Store:
    load_env(Path(".env"), os.environ, required=True)
    settings = Settings.read(os.environ)
    return Store(settings.mongodb_uri, settings.mongodb_database)


def told(slug: str, new: list[str]) -> str:
    if not new:
        return f"`{slug}` stands there just so; nothing was changed"
    return f"`{slug}` is a city of the site now: {', '.join(new)} set"


def removed(slug: str, *, there: bool) -> str:
    if not there:
        return f"there is no city `{slug}`; nothing was changed"
    return f"`{slug}` is removed; its showtimes are deleted when they expire"


def listed(store: Store) -> str:
    """A line for each city, the largest first, with its columns apart by tabs."""
    of_file = additions.of_file()
    return "\n".join(
        "\t".join(
            (
                place.city,
                *(place.names[language] for language in ("en", "ua", "ru")),
                ",".join(f"{degrees:.5f}" for degrees in reversed(place.point["coordinates"])),
                str(place.people),
                place.zone.key,
                "of the site" if place.city in of_file else "added",
            )
        )
        for place in places.every(store.locations)
    )


def fail(*sentences: str) -> int:
    for line in sentences:
        print(f"error: {line}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
