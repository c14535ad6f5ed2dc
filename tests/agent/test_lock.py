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
            with lock.held(tmp_path, who, 0, nobody):
                if over.is_set():
                    return

    with lock.held(tmp_path, {"who": "root", "doing": "x", "since": 0.0}, 0, nobody):
        pass
    taking = threading.Thread(target=take_turns)
    taking.start()
    try:
        with (tmp_path / "lock").open() as file:
            told = {lock.sentence(file.fileno())[:18] for _ in range(5000)}
    finally:
        over.set()
        taking.join()

    assert {"`root` is doing `x"} == told


def test_the_rest_of_a_longer_name_is_not_part_of_a_shorter_one(tmp_path: Path):
    for doing in ("deploy a-name-that-is-long", "plan"):
        holder = {"who": "ann", "doing": doing, "since": time.time()}
        with lock.held(tmp_path, holder, 0, nobody), pytest.raises(Locked, match=f"`{doing}`"):
            lock.passed(tmp_path, 0, nobody)


def test_those_who_only_come_by_are_in_nobodys_way(tmp_path: Path):
    over = threading.Event()
    who = {"who": "ann", "doing": "plan", "since": time.time()}
    with lock.held(tmp_path, who, 0, nobody):
        pass

    def come_by() -> None:
        while not over.is_set():
            lock.passed(tmp_path, 60, lambda _: None)

    coming = threading.Thread(target=come_by)
    coming.start()
    try:
        for _ in range(1000):
            with lock.held(tmp_path, who, 0, nobody):
                pass
    finally:
        over.set()
        coming.join()
