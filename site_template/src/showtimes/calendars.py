"""
One showtime as an iCalendar file (RFC 5545), for the visitor's own calendar.

Pure: the words and the moment of writing are given.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from showtimes.schedule import Showtime

LENGTH = timedelta(hours=2)  # of a film, when nothing is known of it
OCTETS = 75  # of one line, without its end (section 3.1)
UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\x85\u2028\u2029]")


def ics(row: Showtime, title: str, place: str, details: str, now: datetime) -> str:
    """*row* as a calendar of one event."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//CineStream//Showtimes//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{row.key}@cinestream",
        f"DTSTAMP:{stamp(now)}",
        f"DTSTART:{stamp(row.start_time)}",
        f"DTEND:{stamp(row.start_time + LENGTH)}",
        f"SUMMARY:{escaped(title)}",
        f"LOCATION:{escaped(place)}",
        *([f"DESCRIPTION:{escaped(details)}"] if details else []),
        *([f"URL:{address(row.link)}"] if row.link else []),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{folded(line)}\r\n" for line in lines)


def stamp(moment: datetime) -> str:
    """*moment*, which is aware, in UTC."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def escaped(text: str) -> str:
    """As a value of type TEXT (section 3.3.11), all of it on one line."""
    text = UNPRINTABLE.sub(" ", text.replace("\r\n", "\n"))
    for letter in "\\;,":
        text = text.replace(letter, f"\\{letter}")
    return text.replace("\n", "\\n")


def address(link: str) -> str:
    """As a value of type URI, which may hold nothing but printable ASCII."""
    return quote(link, safe=":/?#[]@!$&'()*+,;=%~")


def folded(line: str) -> str:
    """*line* in pieces of 75 octets at most, no letter torn apart."""
    pieces, piece = [], ""
    for letter in line:
        if len((piece + letter).encode()) > OCTETS:
            pieces.append(piece)
            piece = " "
        piece += letter
    return "\r\n".join([*pieces, piece])
