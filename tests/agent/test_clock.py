"""
A server whose clock was wrong, and was set right: what it wrote down meanwhile does no harm.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cinestream_ops.agent import certificates, ledger, lock, pursuit, pursuits
from cinestream_ops.agent.kit import nobody
from cinestream_ops.agent.ledger import DUPLICATES, FAILED, FAILURES, HOUR, ISSUED
from cinestream_ops.agent.refused import Locked, Refused
from cinestream_ops.state.items import Certificate

NOW = 1_800_000_000.0
CA, NAMES = "https://ca.example/dir", ("blog.example",)


@pytest.fixture
def pending(tmp_path: Path) -> Certificate:
    conf = tmp_path / "blog.conf"
    conf.touch()
    return Certificate("blog.example", NAMES, str(conf), b"", "/webroot", CA)


def put_off(home: Path, item: Certificate, at: float) -> None:
    was = certificates.read(home, item.lineage)
    certificates.write(home, pursuit.put_off(was, item, Refused("not yet"), at))


@pytest.mark.parametrize("off", [HOUR, 24 * HOUR, 365 * 24 * HOUR])
def test_what_was_put_off_by_a_clock_that_was_ahead_is_due_at_once(
    tmp_path: Path, pending: Certificate, off: float
):
    put_off(tmp_path, pending, NOW + off)

    assert ["blog.example"] == [each["lineage"] for each in pursuits.due(tmp_path, NOW)]


def test_what_was_put_off_by_a_clock_that_was_behind_is_due_at_once(
    tmp_path: Path, pending: Certificate
):
    put_off(tmp_path, pending, NOW - HOUR)

    assert ["blog.example"] == [each["lineage"] for each in pursuits.due(tmp_path, NOW)]


def test_what_was_put_off_by_a_good_clock_waits(tmp_path: Path, pending: Certificate):
    put_off(tmp_path, pending, NOW - 1)

    assert [] == pursuits.due(tmp_path, NOW)


@pytest.mark.parametrize("off", [HOUR, 365 * 24 * HOUR])
@pytest.mark.parametrize(("what", "most"), [(ISSUED, DUPLICATES), (FAILED, FAILURES)])
def test_what_a_clock_that_was_ahead_has_counted_does_not_keep_us_waiting(
    what: str, most: int, off: float
):
    ahead: ledger.Entries = []
    for _ in range(most):
        ahead = ledger.noted(ahead, what, NAMES, CA, NOW + off)

    assert ledger.limit(ahead, NAMES, CA, NOW + off)
    assert not ledger.limit(ahead, NAMES, CA, NOW)
    assert [NOW] == [each["at"] for each in ledger.noted(ahead, what, NAMES, CA, NOW)]


@pytest.mark.parametrize("off", [-HOUR, HOUR])
def test_a_lock_is_held_and_free_whatever_its_holder_takes_the_time_to_be(
    tmp_path: Path, off: float
):
    holder = {"who": "ann", "doing": "deploy", "since": NOW + off}

    with (
        lock.held(tmp_path, holder, 0, nobody),
        pytest.raises(Locked, match="`ann` is doing `deploy`"),
        lock.held(tmp_path, holder, 0, nobody),
    ):
        pass

    assert lock.free(tmp_path)
