"""
What is different on a terminal: questions, colours, bars.
"""

import os
import pty
import subprocess
import sys

import pytest


@pytest.fixture
def on_a_terminal(home):
    """What a program says on a terminal where *typed* is typed."""

    def run(program: str, typed: str = "", **env: str) -> str:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", **env},
        )
        os.close(theirs)
        said = everything(ours, typed)
        process.wait(20)
        return said

    return run


def everything(terminal: int, typed: str) -> str:
    """All that is said there, where *typed* answers the first question."""
    said = b""
    try:
        while piece := os.read(terminal, 4096):
            said += piece
            if typed and said.endswith((b": ", b"] ")):
                os.write(terminal, typed.encode())
                typed = ""
    except OSError:  # Linux says so when the last writer has left.
        pass
    os.close(terminal)
    return said.decode()


ASK = "from cinestream_ops.cli import confirm; print('->', confirm.change())"


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("y\n", True), ("yes\n", True), ("\n", False), ("n\n", False), ("\x04", False)],
)
def test_only_a_yes_makes_a_change(on_a_terminal, typed, answer):
    said = on_a_terminal(ASK, typed)

    assert "Make this change? [y/N] " in said
    assert f"-> {answer}" in said


def test_a_secret_is_asked_for_and_not_echoed(on_a_terminal):
    program = (
        "from cinestream_ops.cli import confirm; print('->', len(confirm.secret('KEY').reveal()))"
    )

    said = on_a_terminal(program, "hush\n")

    assert "Value of KEY: " in said
    assert "-> 4" in said


SAY = "from cinestream_ops.cli import show; show.error('it broke', 'mend it')"


def test_colour_is_a_help_and_never_the_meaning(on_a_terminal):
    said = on_a_terminal(SAY)

    assert "\033[1;31merror:\033[0m it broke" in said
    assert "\033[1;36mhint:\033[0m mend it" in said


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_who_wants_no_colour_gets_none(on_a_terminal, env):
    assert "error: it broke\r\nhint: mend it\r\n" == on_a_terminal(SAY, **env)


def test_a_table_on_a_terminal_fits_into_it(on_a_terminal):
    program = (
        "from cinestream_ops.cli import show\n"
        "show.rows([{'a': 'x' * 70, 'b': 'y' * 70}], {'a': 'one', 'b': 'two'})"
    )

    said = on_a_terminal(program, TERM="dumb")

    assert 80 >= max(len(line) for line in said.splitlines())
    assert 70 == said.count("x")


def test_a_bar_appears_when_work_takes_longer_than_a_second(on_a_terminal):
    program = (
        "from cinestream_ops.cli import progress\n"
        "now = iter([0, .5, 1.5, 2, 3]).__next__\n"
        "with progress.bar(now) as told:\n"
        "    told('quick', 1, 9); told('slow', 2, 9)"
    )

    said = on_a_terminal(program, NO_COLOR="1")

    assert "quick" not in said
    assert "2/9 slow" in said


VOUCH = """
from cinestream_ops.channel.deployed import Sent
from cinestream_ops.channel.target import Target
from cinestream_ops.cli import origins
from cinestream_ops.cli.options import CodeOptions
from cinestream_ops.errors import OpsError
try:
    origins.vouch(Target("web1", host="192.0.2.1"), "shop", Sent("/srv/shop"), CodeOptions())
    print("-> sent")
except OpsError as error:
    print("->", error)
"""


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("y\n", "-> sent"), ("\n", "-> nothing was sent, and nothing was changed")],
)
def test_a_source_that_the_server_names_is_asked_for(on_a_terminal, typed, answer):
    said = on_a_terminal(VOUCH, typed)

    assert "`web1` names `/srv/shop` as the code of `shop`, and this machine never sent it" in said
    assert answer in said
