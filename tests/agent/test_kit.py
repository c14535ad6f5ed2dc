"""
Commands end, and say why they failed.
"""

from __future__ import annotations

import time

import pytest

from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused


@pytest.fixture
def kit(tmp_path):
    return Kit(tmp_path)


def test_a_command_answers_with_what_it_wrote(kit):
    assert "x\n" == kit.run(["cat"], 5, stdin=b"x\n")


def test_a_failure_is_told_with_its_last_fifteen_lines(kit):
    with pytest.raises(Refused) as refused:
        kit.run(["sh", "-c", "seq 100; exit 3"], 5)

    assert list(map(str, range(86, 101))) == refused.value.why.splitlines()[1:]
    assert "failed (3)" in refused.value.why


def test_a_command_that_does_not_end_is_ended_with_all_its_children(kit, tmp_path):
    with pytest.raises(Refused, match="did not end within"):
        kit.run(["sh", "-c", f"(sleep 1; touch {tmp_path}/late) & sleep 60"], 0.3)

    time.sleep(1.2)
    assert not (tmp_path / "late").exists()


def test_a_missing_command_is_named(kit):
    with pytest.raises(Refused, match="`no-such-command` cannot be run"):
        kit.run(["no-such-command"], 5)


def test_nothing_of_our_own_environment_is_passed_on(kit, monkeypatch):
    monkeypatch.setenv("CANARY", "1")

    assert "CANARY" not in kit.run(["env"], 5)
