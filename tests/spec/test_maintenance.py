"""
What an owner may say to visitors, and for how long.
"""

from __future__ import annotations

import pytest

from cinestream_ops.errors import BadSpec
from cinestream_ops.spec import toml

HARMLESS = ["", "Back at five", "Скоро & <b>\"'$;{}", "x" * 500, "🙂"]
# Of two lines, or such as a terminal obeys (C0, C1), or no text at all.
HARMFUL = ["a\nb", "a\rb", "a\0", "a\x1b[2J", "a\x9b2J", "a\u2028b", "a\udcff", "x" * 501]


def site(**asked):
    return toml.site("blog", {"port": 8001, "maintenance": asked})


@pytest.mark.parametrize("text", HARMLESS)
def test_a_message_is_any_line_of_text_and_is_read_back_as_it_was(text):
    made = site(message=text)

    assert text == made.maintenance.message
    assert made == toml.load({"sites/blog.toml": toml.dump_site(made)}).sites["blog"]


@pytest.mark.parametrize("text", HARMFUL)
def test_what_is_no_line_of_text_is_refused_and_not_repeated(text):
    with pytest.raises(BadSpec) as refused:
        site(message=text)

    assert "sites/blog/maintenance/message: " in str(refused.value)
    assert text not in str(refused.value)


@pytest.mark.parametrize("seconds", [0, -1, 86401, "soon"])
def test_visitors_may_come_back_after_a_second_or_a_day(seconds):
    with pytest.raises(BadSpec, match="sites/blog/maintenance/retry_after"):
        site(retry_after=seconds)
