"""
Claims about one showtime as a calendar file (RFC 5545).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from showtimes import calendars, schedule
from showtimes.schedule import Showtime

pytestmark = pytest.mark.tenant

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ROW = Showtime(
    city="lviv",
    cinema_id="kopernik",
    cinema_name="Коперник",
    film="odyssey",
    movie={"en": "The Odyssey; or, Home", "ua": "Одіссея"},
    start_time=datetime(2026, 11, 25, 18, 0, tzinfo=timezone(timedelta(hours=2))),
    format="IMAX",
    language="en",
    price=160,
    buy_link="https://cinema.example/1?a=1,2",
)


def written(row: Showtime = ROW, title: str = "The Odyssey; or, Home") -> str:
    return calendars.ics(row, title, "Коперник, Львів", "IMAX", NOW)


def test_an_event_has_what_a_calendar_needs_in_universal_time():
    assert [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//CineStream//Showtimes//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{ROW.key}@cinestream",
        "DTSTAMP:20261124T093000Z",
        "DTSTART:20261125T160000Z",
        "DTEND:20261125T180000Z",
        r"SUMMARY:The Odyssey\; or\, Home",
        r"LOCATION:Коперник\, Львів",
        "DESCRIPTION:IMAX",
        "URL:https://cinema.example/1?a=1,2",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ] == written().split("\r\n")


def test_a_showtime_keeps_its_word_whatever_else_changes():
    assert ROW.key == replace(ROW, price=200, buy_link="", cinema_name="x").key
    assert ROW.key == replace(ROW, start_time=ROW.start_time.astimezone(UTC)).key
    assert ROW.key != replace(ROW, format="3D").key


@given(st.text())
def test_no_line_is_longer_than_75_octets_and_unfolding_gives_the_text_back(title):
    lines = written(title=title).split("\r\n")

    assert all(len(line.encode()) <= 75 for line in lines)
    assert f"SUMMARY:{calendars.escaped(title)}\r\n" in "\r\n".join(lines).replace("\r\n ", "")


@given(st.text())
def test_no_title_can_add_a_line_of_its_own(title):
    names = [line.partition(":")[0] for line in written(title=title).split("\r\n")]

    assert 1 == names.count("END") - 1
    assert "\n" not in calendars.escaped(title)


def test_a_hostile_link_stays_one_line():
    link = 'https://x.example/\r\nBEGIN:VALARM "'

    assert "URL:https://x.example/%0D%0ABEGIN:VALARM%20%22\r\n" in written(
        replace(ROW, buy_link=link)
    )


def test_a_showtime_is_downloaded_under_its_word(client, store):
    row = replace(ROW, start_time=datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2))
    schedule.keep(store.showtimes, [row, replace(row, format="3D", film="other")], NOW)

    page = client.get(f"/showtime/{row.key}.ics?lang=ua")

    assert (200, "text/calendar; charset=utf-8") == (page.status_code, page.content_type)
    text = page.data.decode()
    assert f"UID:{row.key}@cinestream\r\n" in text
    assert "SUMMARY:Одіссея\r\n" in text
    assert "LOCATION:Коперник\\, Львів\r\n" in text
    assert "DESCRIPTION:IMAX · Англійська · 160 ₴\r\n" in text


@pytest.mark.parametrize(
    "key", ["x", "1-2", f"{10**10}-{'0' * 24}", f"99999999999-{'0' * 24}", f"-1-{'0' * 24}"]
)
def test_a_showtime_that_there_is_not_is_not_found(client, key):
    assert 404 == client.get(f"/showtime/{key}.ics").status_code
