"""
What an attacker starts with: without it, no test of an attack that fails says anything.
"""

from __future__ import annotations

from tests.attacks.tenant import Outcome


def test_a_worker_that_was_taken_over_runs_programs_as_its_site(mallory):
    assert Outcome(0, "mallory\n") == mallory.sh("id -un")


def test_a_program_that_it_leaves_behind_runs_on(mallory):
    pid = mallory.starts("sleep", "60")

    assert "sleep\n" == mallory.sh(f"cat /proc/{pid}/comm; kill {pid}").out
