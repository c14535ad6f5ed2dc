"""
How commands speak.
"""

import pytest

from cinestream_ops.cli import progress, show
from cinestream_ops.plan import Plan
from cinestream_ops.state.items import File
from cinestream_ops.state.steps import PUT, Step

ROWS = [
    {"name": "blog", "workers": 4, "domains": ["blog.example", "www.blog.example"]},
    {"name": "movie_app", "workers": 24, "domains": []},
]
COLUMNS = {"name": "site", "workers": "workers", "domains": "domains"}


def test_a_table_outside_a_terminal_is_aligned_text(capsys):
    show.rows(ROWS, COLUMNS)

    assert (
        "SITE       WORKERS  DOMAINS\n"
        "blog       4        blog.example, www.blog.example\n"
        "movie_app  24       -\n"
    ) == capsys.readouterr().out


def test_an_empty_table_has_its_headings(capsys):
    show.rows([], COLUMNS)

    assert "SITE  WORKERS  DOMAINS\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "word"),
    [(None, "-"), ("", "-"), (True, "yes"), (0, "0"), ([], "-"), ({"a": 1}, "a=1"), ("x", "x")],
)
def test_a_value_stands_in_a_table_as_a_word(value, word):
    assert word == show.word(value)


def test_what_is_no_data_goes_to_stderr(capsys):
    show.warning("it is late", "go to bed")

    assert ("", "warning: it is late\nhint: go to bed\n") == capsys.readouterr()


def test_progress_outside_a_terminal_is_a_line_now_and_then(capsys):
    now = [0.0]
    told = progress.lines(lambda: now[0])
    for now[0], what in [(0.5, "a"), (1.2, "b"), (1.9, "c"), (4.3, "d")]:
        told(what, 3, 10)

    assert "[3/10] b\n[3/10] d\n" == capsys.readouterr().err


def test_the_events_of_a_change_are_told_as_news_of_a_work():
    heard = []
    plan = Plan((Step(PUT, File("/etc/motd", b"")),))
    report = progress.of_plan(plan, lambda *news: heard.append(news))
    step = {"event": "step", "verb": "put", "key": "file:/etc/motd"}
    report({**step, "state": "begin"})
    report({"event": "progress", "key": "x", "text": "downloading", "done": 5, "total": 20})
    report({**step, "state": "end"})

    assert [
        ("create `/etc/motd`", 0, 1),
        ("downloading (25%)", 0, 1),
        ("create `/etc/motd`", 1, 1),
    ] == heard


def test_what_is_waited_for_is_told_at_once(capsys):
    progress.of_plan(Plan(), lambda *_: None)({"event": "waiting", "for": "`ann@laptop`, at work"})

    assert "Waiting: `ann@laptop`, at work\n" == capsys.readouterr().err
