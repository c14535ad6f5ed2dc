"""
What a request asks for, read into types that cannot be wrong; all that is wrong is told at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TypeVar

from flask_babel import gettext

from showtimes import places
from showtimes.problems import Fault, Faulty

T = TypeVar("T")

CITY = re.compile(r"[a-z0-9-]{1,64}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
POSITION = re.compile(
    r"-?([0-8]?[0-9](\.[0-9]{1,8})?|90(\.0{1,8})?),"
    r"-?(([0-9]{1,2}|0[0-9]{2}|1[0-7][0-9])(\.[0-9]{1,8})?|180(\.0{1,8})?)"
)
WORD_LETTERS = 200


class Query:
    """
    A cursor over parameters, each with its values.  What is absent or faulty is read as None, so
    `check` comes before anything is done.
    """

    def __init__(self, words: Mapping[str, Sequence[object]]) -> None:
        self._words = words
        self._known: list[str] = []
        self._faults: list[Fault] = []

    def word(self, name: str) -> str | None:
        """Text of one to `WORD_LETTERS` letters."""
        return self._read(name, lambda text: text if 0 < len(text) <= WORD_LETTERS else None)

    def city(self, name: str) -> str:
        """A city's word in addresses, which must be told; whether there is one is not asked."""
        if name not in self._words:
            self._note(name, gettext("It is missing."))
        return self._read(name, lambda text: text if CITY.fullmatch(text) else None) or ""

    def day(self, name: str) -> date | None:
        """A date as ISO 8601 writes it, `YYYY-MM-DD`."""
        return self._read(name, _day)

    def position(self, name: str) -> tuple[float, float] | None:
        """Latitude and longitude in degrees, with a comma between."""
        return self._read(
            name, lambda text: places.position(text) if POSITION.fullmatch(text) else None
        )

    def check(self) -> None:
        """Raises `Faulty` with all that was wrong, and with all that nobody reads."""
        for name in sorted(self._words.keys() - set(self._known)):
            self._note(name[:WORD_LETTERS], gettext("Nothing of that name is asked for here."))
        if self._faults:
            raise Faulty(self._faults)

    def _read(self, name: str, read: Callable[[str], T | None]) -> T | None:
        self._known.append(name)
        values = self._words.get(name, [])
        if not values:
            return None
        value, *more = values
        found = read(value) if isinstance(value, str) and not more else None
        if found is None:
            self._note(name, gettext("Its value is not understood."))
        return found

    def _note(self, parameter: str, message: str) -> None:
        self._faults.append(Fault(parameter, message))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        return None
