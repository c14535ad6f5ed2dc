"""
How a worker ended, from what systemd wrote into the journal.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

import pytest

from cinestream_ops.agent import ends, status

FAILED = {"ActiveState": "failed", "SubState": "failed", "NRestarts": "30"}


def exited(code: str, number: int) -> dict[str, str]:
    return {"MESSAGE_ID": ends.EXIT, "EXIT_CODE": code, "EXIT_STATUS": str(number)}


def result(what: str) -> dict[str, str]:
    return {"MESSAGE_ID": ends.RESULT, "UNIT_RESULT": what}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([exited("exited", 7), result("exit-code")], "ended with exit code 7"),
        ([exited("killed", 11), result("signal")], "was killed by SIGSEGV"),
        ([exited("killed", 9), result("signal")], "was killed by SIGKILL, as the kernel does when memory runs out"),
        ([exited("killed", 15), result("timeout")], "was not ready in time"),
        ([exited("killed", 6), result("watchdog")], "answered nothing any more"),
        ([{"MESSAGE_ID": ends.MEMORY}, exited("killed", 9), result("signal")], "was killed because its site was out of memory"),
        ([exited("killed", 9), result("oom-kill")], "was killed because its site was out of memory"),
        ([{"MESSAGE_ID": ends.MEMORY}, result("oom-kill"), exited("exited", 1), result("exit-code")], "ended with exit code 1"),
        ([{"MESSAGE_ID": ends.EXIT}, {"MESSAGE_ID": ends.RESULT}, {}], ""),
        ([], ""),
    ],
)  # fmt: skip
def test_the_last_end_is_told_with_its_cause(lines: list[dict[str, str]], said: str):
    assert said == ends.told(lines)


def test_one_that_was_given_up_is_told_with_its_number_of_starts():
    shown = {**FAILED, "Result": status.LIMIT}

    said = status.reason(shown, "does not answer", "ended with exit code 7")

    assert "ended with exit code 7 at each of 30 starts, and was given up" == said


def test_one_that_has_been_starting_for_long_is_told_for_how_long():
    began = str(int((time.monotonic() - 45) * 1e6))
    shown = {
        "ActiveState": "activating", "SubState": "start", "ExecMainStartTimestampMonotonic": began,
    }  # fmt: skip

    said = status.reason(shown, "does not answer", "was not ready in time")

    assert said in {
        f"has been starting for {n} s; last time it was not ready in time" for n in (45, 46)
    }


def test_one_that_runs_and_does_not_serve_is_told_by_its_answer():
    assert "answers `/readyz` with 503" == status.reason(
        {"ActiveState": "active"}, "answers `/readyz` with 503", ""
    )


def trickles(port: socket.socket) -> None:
    """Answers a byte at a time, for longer than anybody should wait."""
    stream, _ = port.accept()
    with stream, suppress(OSError):
        for _ in range(100):
            stream.sendall(b"H")
            time.sleep(0.1)


def test_one_that_answers_a_byte_at_a_time_has_not_answered():
    with socket.create_server(("127.0.0.1", 0)) as port:
        threading.Thread(target=trickles, args=(port,), daemon=True).start()

        ready, why = status.readiness(f"shop@{port.getsockname()[1]}.service")

    assert not ready
    assert "does not answer `/readyz`: timed out" == why
