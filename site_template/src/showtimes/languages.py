"""
The site's three languages, and which of them a visitor gets.

The address wins (`?lang=ua`), then the session, then what the browser asks for, then English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from urllib.parse import urlencode

from flask import Flask, Response, g, has_request_context, request, session
from flask_babel import gettext, lazy_gettext, lazy_pgettext
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header


@dataclass(frozen=True)
class Language:
    """`code` is ours, in addresses and in the database; `tag` is the world's (BCP 47)."""

    code: str
    tag: str
    name: str
    alphabet: str

    def order(self, word: str) -> tuple[int, ...]:
        """A key that sorts words as this language's dictionaries do."""
        return tuple(self.alphabet.find(letter) for letter in word.casefold())


LATIN = " -'’abcdefghijklmnopqrstuvwxyz"
LANGUAGES = {
    language.code: language
    for language in (
        Language("en", "en", "English", LATIN),
        Language("ua", "uk", "Українська", " -'’абвгґдеєжзиіїйклмнопрстуфхцчшщьюя"),
        Language("ru", "ru", "Русский", " -'’абвгдеёжзийклмнопрстуфхцчшщъыьэюя"),
    )
}
LONGEST = 200  # letters of a header that are heeded
ENGLISH = LANGUAGES["en"]
BY_TAG = {language.tag: language for language in LANGUAGES.values()}

WEEKDAYS = (
    lazy_gettext("Monday"),
    lazy_gettext("Tuesday"),
    lazy_gettext("Wednesday"),
    lazy_gettext("Thursday"),
    lazy_gettext("Friday"),
    lazy_gettext("Saturday"),
    lazy_gettext("Sunday"),
)
SHORT_WEEKDAYS = (
    lazy_gettext("Mon"),
    lazy_gettext("Tue"),
    lazy_gettext("Wed"),
    lazy_gettext("Thu"),
    lazy_gettext("Fri"),
    lazy_gettext("Sat"),
    lazy_gettext("Sun"),
)
# With a day before them: the Slavic languages then have another case.
MONTHS = (
    lazy_pgettext("after a day", "January"),
    lazy_pgettext("after a day", "February"),
    lazy_pgettext("after a day", "March"),
    lazy_pgettext("after a day", "April"),
    lazy_pgettext("after a day", "May"),
    lazy_pgettext("after a day", "June"),
    lazy_pgettext("after a day", "July"),
    lazy_pgettext("after a day", "August"),
    lazy_pgettext("after a day", "September"),
    lazy_pgettext("after a day", "October"),
    lazy_pgettext("after a day", "November"),
    lazy_pgettext("after a day", "December"),
)

# What a film may be spoken in, as cinemas write it down.
TONGUES = {
    "ua": lazy_gettext("Ukrainian"),
    "uk": lazy_gettext("Ukrainian"),
    "en": lazy_gettext("English"),
    "ru": lazy_gettext("Russian"),
    "original": lazy_gettext("Original language"),
}


def init_app(app: Flask) -> None:
    app.context_processor(_words)
    app.after_request(vary)


def _words() -> dict[str, object]:
    return {
        "language": current(),
        "languages": LANGUAGES.values(),
        "elsewhere": elsewhere,
        "weekday": weekday,
    }


def current() -> Language:
    """The language of this request; English outside of one."""
    if not has_request_context():
        return ENGLISH
    if "language" not in g:
        g.language = _asked() or _kept() or _preferred()
    return g.language  # type: ignore[no-any-return]


def locale() -> str:
    return current().tag


def _asked() -> Language | None:
    language = LANGUAGES.get(request.args.get("lang", ""))
    if language is not None and session.get("language") != language.code:
        session["language"] = language.code
    return language


def _kept() -> Language | None:
    return LANGUAGES.get(session.get("language", ""))


def _preferred() -> Language:
    return best(request.headers.get("Accept-Language", "")[:LONGEST])


@lru_cache(64)
def best(wanted: str) -> Language:
    """The language of ours that suits *wanted*, an Accept-Language, best."""
    accepted = parse_accept_header(wanted, LanguageAccept)
    return BY_TAG[accepted.best_match(list(BY_TAG), ENGLISH.tag) or ENGLISH.tag]


def vary(response: Response) -> Response:
    if "language" in g:
        response.vary.add("Accept-Language")
        response.content_language.add(g.language.tag)
    return response


def pick(names: Mapping[str, str]) -> str:
    """The name in the visitor's language, or in the first that there is one in."""
    return names.get(current().code) or next((name for name in names.values() if name), "")


def day_name(day: date, today: date) -> str:
    """`Today`, `Tomorrow`, or the day of the week."""
    if day == today:
        return str(gettext("Today"))
    if day == today + timedelta(days=1):
        return str(gettext("Tomorrow"))
    return str(WEEKDAYS[day.weekday()])


def weekday(day: date) -> str:
    """The day of the week in two or three letters."""
    return str(SHORT_WEEKDAYS[day.weekday()])


def day_and_month(day: date) -> str:
    return str(gettext("%(day)s %(month)s", day=day.day, month=MONTHS[day.month - 1]))


def tongue(code: str) -> str:
    """What a film is spoken in; a word that we do not know is shown as the cinema wrote it."""
    return str(TONGUES.get(code.casefold(), code))


def elsewhere(code: str) -> str:
    """The address of this page in another language, with all else that the page heeds of it."""
    return "?" + urlencode({**g.get("words", {}), "lang": code})
