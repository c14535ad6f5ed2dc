"""
Who holds the lock of a server is told to whoever comes, at every moment.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from cinestream_ops.agent import lock
from cinestream_ops.agent.refused import Locked


def nobody(_: str) -> None:
    raise AssertionError("nobody was to wait")


def test_the_lock_never_goes_without_a_name_between_two_holders(tmp_path: Path):
    over = threading.Event()

    def take_turns() -> None:
        for turn in range(10**6):
            who = {"who": "root", "doing": "x" * (1 + 4000 * (turn % 2)), "since": time.time()}
            with lock.held(tmp_path, who, 60, lambda _: None):
                if over.is_set():
                    return

    taking = threading.Thread(target=take_turns)
    with lock.held(tmp_path, {"who": "root", "doing": "x", "since": 0.0}, 0, nobody):
        pass
    taking.start()
    try:
        told = [refusal(tmp_path) for _ in range(5000)]
    finally:
        over.set()
        taking.join()

    assert {"`root` is doing `x"} == {each[:18] for each in told if each}


def refusal(home: Path) -> str:
    try:
        lock.passed(home, 0, nobody)
    except Locked as locked:
        return str(locked)
    return ""


def test_the_rest_of_a_longer_name_is_not_part_of_a_shorter_one(tmp_path: Path):
    for doing in ("deploy a-name-that-is-long", "plan"):
        holder = {"who": "ann", "doing": doing, "since": time.time()}
        with lock.held(tmp_path, holder, 0, nobody), pytest.raises(Locked, match=f"`{doing}`"):
            lock.passed(tmp_path, 0, nobody)
