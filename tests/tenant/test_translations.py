"""
Claims about the words of the pages: all are translated, and what is compiled is what was written.
"""

from __future__ import annotations

import string
from collections.abc import Sequence

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from showtimes.languages import LANGUAGES
from tenant_processes import SOURCE

TRANSLATIONS = SOURCE / "showtimes" / "translations"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS = {"**/templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true"}}
WORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "lazy_gettext": None,
    "lazy_pgettext": ((1, "c"), 2),
}


def said() -> set[tuple[str | None, str]]:
    """Everything that the code and the templates say, with its context."""
    found = extract_from_dir(SOURCE / "showtimes", METHODS, OPTIONS, WORDS)
    return {(context, first(texts)) for _, _, texts, _, context in found}


def catalogue(tag: str) -> Catalog:
    with (TRANSLATIONS / tag / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=tag)


def every(texts: str | Sequence[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)


def first(texts: str | Sequence[str]) -> str:
    return every(texts)[0]


def fields(text: str) -> set[str]:
    return {part.split(")")[0] for part in text.split("%(")[1:]}


translated = pytest.mark.parametrize("tag", ["uk", "ru"])


@translated
def test_everything_is_translated_and_nothing_that_is_gone(tag):
    written = {(message.context, first(message.id)) for message in catalogue(tag) if message.id}

    assert said() == written


@translated
def test_no_translation_is_empty_or_a_guess(tag):
    for message in messages(tag):
        assert all(every(message.string)), message.id
        assert not message.fuzzy, message.id


@translated
def test_every_number_has_all_its_forms(tag):
    for message in messages(tag):
        if message.pluralizable:
            assert 3 == len(message.string), message.id


@translated
def test_every_translation_has_the_fields_of_its_original(tag):
    for message in messages(tag):
        wanted = fields(first(message.id))
        assert all(fields(text) == wanted for text in every(message.string)), message.id


@translated
def test_translations_are_not_left_in_english(tag):
    for message in messages(tag):
        text = first(message.string).replace("CineStream", "")
        for field in fields(text):
            text = text.replace(f"%({field})", "")
        assert not set(text) & set(string.ascii_letters) - set("sd"), message.id


@translated
def test_what_is_compiled_is_what_was_written(tag):
    with (TRANSLATIONS / tag / "LC_MESSAGES" / "messages.mo").open("rb") as file:
        compiled = words(read_mo(file))

    assert words(catalogue(tag)) == compiled, (
        "run `pybabel compile -d src/showtimes/translations` in site_template"
    )


def words(catalog: Catalog) -> set[tuple[str | None, str, tuple[str, ...]]]:
    return {
        (context(message), first(message.id), every(message.string))
        for message in catalog
        if message.id
    }


def context(message: Message) -> str | None:
    # Babel's reader of compiled catalogues leaves it in bytes.
    return message.context.decode() if isinstance(message.context, bytes) else message.context


def messages(tag: str) -> list[Message]:
    return [message for message in catalogue(tag) if message.id]


# ── alphabets ──


@pytest.mark.parametrize(
    ("code", "ordered"),
    [
        ("en", ["Bila Tserkva", "Brovary", "Kyiv"]),
        ("ua", ["Ґвоздець", "Енергодар", "Єнакієве", "Житомир", "Ізмаїл", "Їжакевичі", "Київ"]),
        ("ru", ["Енакиево", "Ёлки", "Житомир", "Энергодар"]),
    ],
)
def test_words_are_in_the_order_of_the_languages_own_alphabet(code, ordered):
    shuffled = [*ordered[1::2], *ordered[::2]]

    assert ordered == sorted(shuffled, key=LANGUAGES[code].order)
