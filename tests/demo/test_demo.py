"""
The demo, as `make demo` runs it, on a lab of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from cinestream_ops import lab
from cinestream_ops.lab.faults import NoSuchLab

DEMO = Path(__file__).with_name("demo.py")
LAB = "demo-of-tests"

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]


@pytest.fixture
def demo(tmp_path):
    env = {**os.environ, "CINESTREAM_CONFIG": str(tmp_path)}

    def run(verb: str) -> str:
        done = subprocess.run(
            [sys.executable, DEMO, verb, LAB],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert 0 == done.returncode, done.stdout
        return done.stdout

    yield run
    with suppress(NoSuchLab):
        lab.down(LAB)


def test_the_demo_serves_a_site_over_tls_and_changes_nothing_when_run_again(demo):
    first, second = demo("up"), demo("up")

    assert "https://movies.example.test/ (200 OK)" in first
    assert "24 of 24 ready" in first
    assert 3 == second.count("Nothing to do: the server is as its specs say")


def test_the_demo_is_gone_when_it_is_taken_down(demo):
    lab.up(LAB)

    demo("down")

    assert LAB not in [each.name for each in lab.listing()]
