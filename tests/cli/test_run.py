"""
What `run` makes of its words, and of what a program says.
"""

from __future__ import annotations

import json

import pytest

from cinestream_ops import engine
from cinestream_ops.cli import early, mouth, run
from cinestream_ops.errors import Refused
from cinestream_ops.spec import toml
from cinestream_ops.spec.names import Program
from tests.cli.fake import Server

SITE = {"port": 8001, "workers": 2, "release": "1" * 64, "requirements": "2" * 64}
BLOG = toml.site("blog", SITE)


def running(server: Server, *arguments: str) -> tuple[int, list[tuple[str, bytes]]]:
    heard: list[tuple[str, bytes]] = []
    with server.session() as host:
        code = engine.run(
            host.conversation, BLOG, Program("jobs/hello.py"), arguments, 600,
            lambda *piece: heard.append(piece),
        )  # fmt: skip
    return code, heard


def test_what_it_says_is_told_by_its_stream_and_its_code_is_ours():
    server = Server(program=[("out", b"one\xff"), ("err", b"two"), ("out", b"three")], code=7)

    code, heard = running(server)

    assert 7 == code
    assert [("out", b"one\xff"), ("err", b"two"), ("out", b"three")] == heard


def test_the_order_tells_all_that_the_server_needs_to_know():
    server = Server()

    running(server, "--en", "a b")

    order = server.orders[-1]
    assert ("run", "blog", "/var/www/blog") == (order["do"], order["site"], order["home"])
    assert ("jobs/hello.py", ["--en", "a b"], 600) == (
        order["program"],
        order["arguments"],
        order["timeout"],
    )
    assert {"User=blog", "EnvironmentFile=/var/www/blog/.env", "NoNewPrivileges=yes"} < set(
        order["properties"]
    )


def test_a_refusal_is_ours_to_tell():
    server = Server(refusal={"why": "there is no program", "hint": "look", "kind": "refused"})

    with pytest.raises(Refused, match="there is no program"):
        running(server)


def test_what_is_no_program_is_refused_before_a_server_is_asked(cinestream):
    told = cinestream("run", "blog", "--", "../../bin/sh")

    assert (1, "") == (told.code, told.out)
    assert "`../../bin/sh` is not a Python program inside the source" in told.err


@pytest.mark.parametrize("seconds", ["nan", "-1", "soon"])
def test_a_time_that_does_not_end_is_a_usage_error(cinestream, seconds):
    assert 2 == cinestream("run", "blog", "--timeout", seconds, "--", "hello.py").code


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        ("run shop -- manage.py --server x --help", "run shop"),
        ("run shop --server web1 -- manage.py", "run shop --server web1"),
        ("sites --server web1", "sites --server web1"),
    ],
)
def test_what_follows_two_dashes_is_for_the_program_alone(line, ours):
    assert ours.split() == early.ours(line.split())


def test_bytes_are_written_as_they_are(capfdbinary):
    mouth.Speech("out").heard(b"\xff\x00out")
    mouth.Speech("err").heard(b"\xfeerr")

    assert (b"\xff\x00out", b"\xfeerr") == tuple(capfdbinary.readouterr())


def test_as_json_each_piece_is_a_line_that_names_its_stream(capsys):
    run.as_lines("err", "ї\n".encode())

    assert {"to": "stderr", "text": "ї\n"} == json.loads(capsys.readouterr().out)
