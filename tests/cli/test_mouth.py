"""
Whatever text comes from outside, a terminal is sent nothing that it obeys.
"""

import io
import json
import os
import pty
import re
import subprocess
import sys
import unicodedata
from contextlib import redirect_stdout

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinestream_ops.cli import bug, mouth, progress, show
from cinestream_ops.plan import Plan

ATTACKS = {
    "clears the screen": "\x1b[2J",
    "sets the title": "\x1b]0;root\x07",
    "fills the clipboard": "\x1b]52;c;cm0gLXJmIC8=\x07",
    "links elsewhere": "\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "asks the terminal to type": "\x1b[21t\x1b[6n\x05",
    "C1": "\x9b2J\x90q\x9d0;x\x9c",
    "deletes what was said": "refused\x08\x08\x08\x7f",
    "says Done over it": "refused\rDone: deploy blog\x1b[K",
    "another alphabet": "\x0e\x0f",
    "runs backwards": "\u202edlrow\u2066\u2069\u200f\u061c",
    "hides": "a\u200bb\u2060c\ufeffd\u00ade\u3164f\u115fg\u2800h\U000e0041i\U000e0101j",
    "ends the line": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "half a letter": "\udc9b\ud800",
    "markup": "[red]x[/red] [link=https://evil.example]y[/link] :skull:",
}
OBEYED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
nasty = (
    st.text()
    | st.sampled_from(list(ATTACKS.values()))
    | st.text(st.characters(categories=["C", "Z"]))
)


def obeyed(said: str) -> set[str]:
    """What of *said* is more than letters, tabs and ends of lines."""
    return {each for each in said if each not in "\n\t" and unicodedata.category(each) in OBEYED}


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_shown_and_not_obeyed(text):
    assert set() == obeyed(mouth.visible(text))


@given(nasty)
def test_any_text_is_one_line_of_letters(text):
    shown = mouth.visible(text)

    assert set() == obeyed(shown)
    assert "\n" not in shown


@given(
    st.text(
        st.characters(
            categories=["L", "N", "P", "S"], exclude_characters="\u115f\u1160\u3164\uffa0\u2800"
        )
    )
)
def test_letters_stay_as_they_are(text):
    assert text == mouth.visible(text)


@given(
    st.recursive(
        nasty | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(nasty, inner),
    )
)
def test_json_is_letters_alone_and_means_the_same(value):
    text = mouth.as_json(value, indent=2)

    assert set() == obeyed(text)
    assert json.loads(json.dumps(value)) == json.loads(text)


def test_further_lines_of_an_error_do_not_pass_for_ours(capsys):
    show.error("`make` failed:\nDone: deploy blog\n\nerror: no", "one\ntwo")

    said = "error: `make` failed:\n  Done: deploy blog\n\n  error: no\nhint: one\n  two\n"
    assert said == capsys.readouterr().err


def test_what_a_hook_says_does_not_pass_for_ours(capsys):
    report = progress.of_plan(Plan(), lambda *_: None)
    report({"event": "said", "key": "hook:x", "text": "Done: deploy blog\nerror: \x1b[2J\n"})

    assert "  | Done: deploy blog\n  | error: \\x1b[2J\n" == capsys.readouterr().err


def test_a_terminal_that_has_not_all_letters_is_told_of_them():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with redirect_stdout(out):
        show.line("Київ \udc80")

    assert b"\\u041a\\u0438\\u0457\\u0432 \\udc80\n" == out.buffer.getvalue()


def test_a_bug_report_is_safe_to_be_read_on_a_terminal(home):
    report = bug.report(RuntimeError("\x1b]0;x\x07"), ["sites", "\x1b[2J"])

    assert set() == obeyed(report.read_text())


EVERYTHING = """
import json, sys
from cinestream_ops.cli import confirm, findings, mouth, progress, show
from cinestream_ops.plan import Plan
for text in json.loads(sys.argv[1]):
    show.say(text); show.line(text); show.error(text, text); show.warning(text, text)
    show.quote(text); show.data({text: [text]}); show.json_line(text)
    show.rows([{"a": text}], {"a": text})
    findings.tell([{"level": level, "what": text, "hint": text} for level in ("stop", "warn", "ok")])
    now = iter([0, 1.5]).__next__
    with progress.bar(now) as told:
        report = progress.of_plan(Plan(), told)
        report({"event": "progress", "text": text})
        report({"event": "waiting", "for": text})
        report({"event": "said", "text": text})
    progress.lines(iter([0, 9, 9]).__next__)(text, 0, 0)
"""
# What rich draws a bar with, and moves the cursor; the words of ours in colour.
OURS = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|[0-9]*[AK])|\r")


def on_a_terminal(program: str, *arguments: str, **env: str) -> str:
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-c", program, *arguments]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "300", **env}
    process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 1 << 16):
            said += piece
    except OSError:  # Linux says so when the last writer has left.
        pass
    os.close(ours)
    assert 0 == process.wait(60), said.decode()
    return said.decode()


def test_every_way_of_speaking_is_safe_on_a_terminal():
    said = on_a_terminal(EVERYTHING, json.dumps(list(ATTACKS.values())))

    assert set() == obeyed(OURS.sub("", said))
    assert "[link=https://evil.example]y[/link] :skull:" in said


RUN = """
import sys
from cinestream_ops.cli import mouth
speech = mouth.Speech("out")
for piece in map(bytes.fromhex, sys.argv[1:]):
    speech.heard(piece)
speech.ended()
"""
PIECES = [
    b"\x1b",
    b"[3",
    b"1mred\x1b]52;c;eA==\x07 \xd0",
    b"\x9a\r\n\x1b[2J\x9b",
    b"\x1b[",
    b"6n\x1b",
]


def test_a_program_that_runs_on_a_terminal_keeps_its_colours_alone():
    said = on_a_terminal(RUN, *map(bytes.hex, PIECES))

    shown = "\x1b[31mred\\x1b]52;c;eA==\\x07 К\r\r\n\\x1b[2J\ufffd\\x1b[6n\\x1b\x1b[0m"
    assert shown == said


def test_a_program_that_runs_into_a_pipe_is_heard_byte_by_byte():
    argv = [sys.executable, "-c", RUN, *map(bytes.hex, PIECES)]

    assert b"".join(PIECES) == subprocess.run(argv, capture_output=True, check=True).stdout
