"""
The pursuits of a server's own timer: each in its turn, none without an end, and none in the way.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cinestream_ops.agent import certificates, lock, pursuits
from cinestream_ops.agent.kit import nobody
from cinestream_ops.state.items import Certificate

NOBODY_THERE = "https://127.0.0.1:9/dir"
OWNER = {"who": "ann", "doing": "deploy", "since": 0}


def overdue(home: Path, name: str) -> None:
    conf = home / f"{name}.conf"
    conf.touch()
    item = Certificate(name, (name,), str(conf), b"", "/webroot", NOBODY_THERE)
    kept = {"conf_path": str(conf), "tried_at": 0, "order": certificates.order(item)}
    certificates.write(home, {**certificates.read(home, name), **kept})


def tries(home: Path) -> list[int]:
    return [certificates.read(home, name)["tries"] for name in ("a.example", "b.example")]


def test_each_is_tried_once_and_who_waits_for_the_lock_gets_it_in_between(tmp_path: Path):
    overdue(tmp_path, "a.example")
    overdue(tmp_path, "b.example")

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(pursuits.retry, tmp_path)
        while not tries(tmp_path)[0]:
            time.sleep(0.01)
        with lock.held(tmp_path, OWNER, 10, nobody):
            in_between = tries(tmp_path)

    assert [1, 0] == in_between
    assert 1 == ended.result()
    assert [1, 1] == tries(tmp_path)


def test_while_somebody_changes_the_server_none_is_tried_and_that_is_no_failure(tmp_path: Path):
    overdue(tmp_path, "a.example")
    overdue(tmp_path, "b.example")

    with lock.held(tmp_path, OWNER, 0, nobody):
        ended = pursuits.retry(tmp_path)

    assert 0 == ended
    assert [0, 0] == tries(tmp_path)
