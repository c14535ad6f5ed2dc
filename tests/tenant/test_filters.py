"""
Claims about what a visitor may wish to see: pure, in a zone that is not UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from showtimes.filters import Offer, Wish
from showtimes.schedule import Showtime

pytestmark = pytest.mark.tenant

KYIV = ZoneInfo("Europe/Kyiv")  # two hours ahead of UTC in November


def row(hour: int = 16, minute: int = 0, **change) -> Showtime:
    words = {
        "city": "lviv",
        "cinema_id": "k",
        "cinema_name": "K",
        "film": "f",
        "movie": {"en": "F"},
        "start_time": datetime(2026, 11, 25, hour, minute, tzinfo=UTC),
        "format": "IMAX",
        "language": "ua",
        "price": 160,
    }
    return Showtime(**{**words, **change})


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        ({}, True),
        ({"format": "IMAX"}, True),
        ({"format": "3D"}, False),
        ({"language": "ua"}, True),
        ({"language": "en"}, False),
        ({"price": "160"}, True),
        ({"price": "159"}, False),
        ({"from": "18:00"}, True),
        ({"from": "18:01"}, False),
        ({"from": "evening"}, True),
        ({"from": "afternoon"}, False),
        ({"from": "morning"}, False),
        ({"format": "IMAX", "language": "en"}, False),
        ({"price": "-1", "from": "25:00"}, True),
    ],
)
def test_a_showtime_fits_what_is_wished_for_in_the_citys_time(words, fits):
    assert fits is Wish.read(words).fits(row(), KYIV)


def test_a_showtime_of_unknown_price_is_not_promised_to_be_cheap():
    assert not Wish(price=500).fits(row(price=None), KYIV)


@pytest.mark.parametrize(
    ("hour", "minute", "part"),
    [(9, 59, "morning"), (10, 0, "afternoon"), (14, 59, "afternoon"), (15, 0, "evening")],
)
def test_every_time_is_in_one_part_of_the_day(hour, minute, part):
    parts = Offer.of([row(hour, minute)], KYIV, Wish()).parts

    assert (part,) == parts


def test_only_what_occurs_is_offered():
    rows = [row(), row(format="", language="", price=None), row(7, 30, price=90)]

    assert Offer(
        formats=("IMAX",),
        languages=("ua",),
        prices=(90, 160),
        parts=("morning", "evening"),
        hours=("09:00", "18:00"),
    ) == Offer.of(rows, KYIV, Wish())


def test_what_is_wished_for_stays_on_offer():
    wish = Wish("3D", "en", 5, "12:15")

    assert Offer(("3D",), ("en",), (5,), (), ("12:15",)) == Offer.of([], KYIV, wish)


@given(st.dictionaries(st.sampled_from(["format", "language", "price", "from"]), st.text()))
def test_a_wish_written_to_an_address_reads_back_the_same(words):
    wish = Wish.read(words)

    assert wish == Wish.read(wish.words)
