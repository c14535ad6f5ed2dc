"""
Claims about how the worker reads `.env`.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from cinestream_worker.dotenv import STEERING, dotenv, is_from_file, load_env
from cinestream_worker.errors import StartError
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from cinestream_ops.state import environment

# Rich in what parsers of such files disagree about.
TEXT = st.text(st.sampled_from("abK_1 =\t\n'\"\\#;$ {}`!?é  \r"), max_size=40)


def as_python_dotenv_reads(text: str) -> dict[str, str | None]:
    return dict(dotenv_values(stream=io.StringIO(text), interpolate=False))


@given(TEXT)
def test_what_is_accepted_is_what_python_dotenv_reads(text):
    try:
        ours = dotenv(text)
    except StartError:
        return

    assert as_python_dotenv_reads(text) == ours


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=60))
def test_any_value_survives_in_double_quotes(value):
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')

    assert {"KEY": value} == dotenv(f'KEY="{quoted}"\n')


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("K=", ""),
        ("K=plain", "plain"),
        ("  K = two words  \n", "two words"),
        ("K='as \"it\" is # here'", 'as "it" is # here'),
        ('K="a \\"b\\" \\\\ c"', 'a "b" \\ c'),
        ('K="-----BEGIN\nKEY-----"', "-----BEGIN\nKEY-----"),
        ("K=mongodb://u:p@127.0.0.1/db?x=1&y=2", "mongodb://u:p@127.0.0.1/db?x=1&y=2"),
        ("K=a#b", "a#b"),
        ("K=${HOME}", "${HOME}"),
        ("# K=old\n\nK=1\nK=2\n", "2"),
    ],
)
def test_values_are_read(text, value):
    assert {"K": value} == dotenv(text)


@pytest.mark.parametrize(
    "line",
    [
        "K",
        "K=a # b",
        'K="a"b',
        "K='it\\'s'",
        'K="a\\n"',
        "K=a\\b",
        "export K=1",
        "; c",
        "K='open",
        "1K=a",
    ],
)
def test_a_line_that_readers_disagree_about_is_refused_by_its_number(line):
    with pytest.raises(StartError, match=r"^`.env` line 3 is not a plain KEY=VALUE"):
        dotenv(f"A=1\n\n{line}\n")


def test_a_refusal_does_not_quote_the_secret():
    with pytest.raises(StartError) as refusal:
        dotenv('PASSWORD="hunter2')

    assert "hunter2" not in str(refusal.value)


def test_the_file_wins_but_not_over_who_we_are(tmp_path):
    file = tmp_path / ".env"
    file.write_text("COLOUR=red\nPORT=1\nLISTEN_PID=1\nNOTIFY_SOCKET=/x\nWATCHDOG_USEC=1\n")
    environ = {"COLOUR": "blue", "PORT": "8001"}

    load_env(file, environ, required=True)

    assert {"COLOUR": "red", "PORT": "8001"} == environ


def test_only_a_file_that_was_asked_for_must_be_there():
    load_env(Path("/nowhere/.env"), {}, required=False)

    with pytest.raises(StartError, match=r"there is no file `/nowhere/\.env`"):
        load_env(Path("/nowhere/.env"), {}, required=True)


def test_a_file_does_not_say_which_programs_are_started_nor_what_they_load(tmp_path: Path):
    (tmp_path / ".env").write_text("PATH=/evil\nLD_PRELOAD=/evil.so\nPYTHONPATH=/evil\nKEY=1\n")
    environ = {"PATH": "/usr/bin"}

    load_env(tmp_path / ".env", environ, required=True)

    assert {"PATH": "/usr/bin", "KEY": "1"} == environ


def test_what_a_file_may_not_say_is_the_same_for_all_who_read_it():
    assert environment.NAMES - set(environment.LOADER.split()) <= set(STEERING.split())
    assert set(STEERING.split()) <= environment.NAMES
    assert not any(map(is_from_file, environment.NAMES))
