"""
When a job runs, in systemd's words.
"""

from __future__ import annotations

import re

from cinestream_ops.spec.words import Word

SHORT = "minutely|hourly|daily|monthly|weekly|yearly|annually|quarterly|semiannually"
DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
DAYS = rf"{DAY}(?:(?:,|\.\.){DAY})*"
NUMBER = r"(?:\*|\d{1,4}(?:\.\.\d{1,4})?)(?:/\d{1,4})?"
NUMBERS = rf"{NUMBER}(?:,{NUMBER})*"
DATE = rf"(?:{NUMBERS}-)?{NUMBERS}[-~]{NUMBERS}"
TIME = rf"{NUMBERS}:{NUMBERS}(?::{NUMBERS})?"
ZONE = r"(?:UTC|[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_-]+)+)"


class Calendar(Word):
    """A calendar event; source of the grammar: systemd.time(7), Calendar Events."""

    rule = re.compile(
        rf"(?=.{{1,120}}$)(?:{SHORT}|(?=\S)(?:{DAYS})?(?:(?:^|(?<=\w) ){DATE})?"
        rf"(?:(?:^|(?<=[\w*]) ){TIME})?)(?: {ZONE})?",
        re.ASCII,
    )
    refusal = "is not a time of systemd's calendar"
    hint = (
        "write it as in `daily`, `*-*-* 04:30` or `Mon..Fri 09:00 UTC`; "
        "`systemd-analyze calendar` explains"
    )
