"""
A program of a site: how it is started, and how what it says is told.
"""

from __future__ import annotations

import io
import os
import sys
from base64 import b64decode

import pytest

from cinestream_ops.agent import kit, run
from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.stops import Stops
from cinestream_ops.agent.wire import Wire
from cinestream_ops.state import frames

SECRET = "a-word-of-the-owner"


@pytest.fixture
def order(tmp_path):
    """Of the program `jobs/hello.py` in the first release of a site."""
    (tmp_path / "releases/1/jobs").mkdir(parents=True)
    (tmp_path / "releases/1/jobs/hello.py").write_text("print('hello')\n")
    (tmp_path / "venvs/1").mkdir(parents=True)
    (tmp_path / "src").symlink_to("releases/1")
    (tmp_path / "venv").symlink_to("venvs/1")
    return {
        "site": "blog",
        "home": str(tmp_path),
        "program": "jobs/hello.py",
        "arguments": [SECRET, "", "$HOME", "a b"],
        "properties": ["User=blog", "NoNewPrivileges=yes"],
        "timeout": 600,
    }


@pytest.fixture
def wire():
    """Ours, whose other side says nothing until it is told to."""
    theirs, ours = os.pipe()
    with os.fdopen(theirs, "rb") as inbox, os.fdopen(ours, "wb") as other:
        made = Wire(inbox, io.BytesIO(), Stops())
        made.other = other
        yield made


def told(wire: Wire) -> dict[str, bytes]:
    """All that was written, by where it was written to."""
    wire.outbox.seek(0)
    found = {"out": b"", "err": b""}
    while wire.outbox.tell() < len(wire.outbox.getvalue()):
        event = frames.receive_message(wire.outbox)
        found[event["to"]] += b64decode(event["data"])
    return found


def test_a_program_is_run_from_the_release_that_is_there_now(order, tmp_path):
    argv = run.argv(order, "x.service")

    command = argv[argv.index("--") + 1 :]
    assert "/usr/bin/env" == command[0]
    assert f"PYTHONPATH={tmp_path}/releases/1" in command[:4]
    assert [f"{tmp_path}/venvs/1/bin/python", "-B", f"{tmp_path}/releases/1/jobs/hello.py"] == (
        command[4:7]
    )


def test_its_arguments_are_its_own_and_stand_nowhere_else(order):
    argv = run.argv(order, "x.service")

    before, after = argv[: argv.index("--")], argv[argv.index("--") + 1 :]
    assert [SECRET, "", "$$HOME", "a b"] == after[7:]
    assert SECRET not in " ".join(before)
    assert "--description=x" in before


def test_it_gets_the_properties_of_its_order_and_an_end_of_its_own(order):
    argv = run.argv(order, "x.service")

    assert {f"--property={each}" for each in order["properties"]} < set(argv)
    assert "--property=TimeoutStartSec=660" in argv


def test_a_program_that_is_not_in_the_source_is_refused(order):
    with pytest.raises(
        Refused, match=r"there is no program `jobs/bye\.py` in the source of `blog`"
    ):
        run.argv({**order, "program": "jobs/bye.py"}, "x.service")


def test_what_is_written_is_told_to_the_byte_and_by_its_stream(order, wire):
    program = "import os; os.write(1, bytes(range(256)) * 1000); os.write(2, b'no \\xff\\n')"
    child = kit.started([sys.executable, "-c", program])

    run.tell(child, order, wire)
    kit.end(child)

    assert {"out": bytes(range(256)) * 1000, "err": b"no \xff\n"} == told(wire)


def test_a_program_that_takes_too_long_is_refused_after_what_it_said(order, wire):
    program = "import time; print('begun', flush=True); time.sleep(60)"
    child = kit.started([sys.executable, "-c", program])

    with pytest.raises(Refused, match="did not end within 1 s") as refused:
        run.tell(child, {**order, "timeout": 1}, wire)
    kit.end(child)

    assert "--timeout" in refused.value.hint
    assert b"begun\n" == told(wire)["out"]


@pytest.mark.parametrize("last", [{}, {"do": "stop"}], ids=["hung up", "another order"])
def test_a_controller_that_wants_no_more_ends_it(order, wire, last):
    child = kit.started([sys.executable, "-c", "import time; time.sleep(60)"])
    if last:
        frames.send_message(wire.other, **last)
    wire.other.close()

    with pytest.raises((EOFError, Refused)):
        run.tell(child, order, wire)
    kit.end(child)

    assert child.returncode
