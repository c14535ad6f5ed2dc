"""
A server is judged before anything is done to it, and each judgement says what to do.
"""

from __future__ import annotations

import fcntl
import os
import socket

import pytest

from cinestream_ops.agent import examine
from cinestream_ops.agent.examine import GIB, MIB, OK, STOP, WARN


@pytest.mark.parametrize(
    ("name", "version", "level"),
    [
        ("debian", "12", OK),
        ("ubuntu", "24.04", OK),
        ("debian", "14", WARN),
        ("ubuntu", "20.04", STOP),
        ("debian", "", STOP),
        ("fedora", "41", STOP),
    ],
)
def test_only_systems_we_know_pass(name, version, level):
    assert level == examine.system(name, version)["level"]


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (examine.root(1000), STOP),
        (examine.architecture("riscv64"), STOP),
        (examine.python((3, 8, 10)), STOP),
        (examine.avx(False), WARN),
        (examine.memory(512 * MIB, 0), STOP),
        (examine.memory(1 * GIB, 1 * GIB), WARN),
        (examine.memory(4 * GIB, 0), OK),
        (examine.disk(1 * GIB), STOP),
        (examine.disk(3 * GIB), WARN),
    ],
)
def test_a_shortcoming_has_its_level_and_a_way_forward(finding, level):
    assert level == finding["level"]
    assert (level == OK) == (finding["hint"] == "")


def test_who_holds_a_lock_is_found(tmp_path):
    lock = tmp_path / "lock"
    lock.touch()
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        with lock.open("w") as held:
            fcntl.lockf(held, fcntl.LOCK_EX)
            os.write(ready[1], b".")
            os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)

    holder = examine.lock_holder(str(lock))

    os.write(done[1], b".")
    os.waitpid(child, 0)
    assert child == holder
    assert examine.lock_holder(str(lock)) == 0


def test_who_listens_on_a_port_is_found():
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]

        found = examine.port(number)

    assert found["level"] == STOP
    assert f"(pid {os.getpid()})" in found["what"]
    assert examine.port(number)["what"] == f"port {number} is free"


def test_every_finding_of_this_machine_has_a_level_and_words():
    findings = examine.examine(0)

    assert {finding["level"] for finding in findings} <= {OK, WARN, STOP}
    assert all(finding["what"] for finding in findings)
