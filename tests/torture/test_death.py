"""
Whatever breaks a change off, and at whichever step: the server is in the old state or in the new.

A few moments are tried here each time; `make torture` tries all of them.
"""

from __future__ import annotations

import pytest

from tests.owner.conftest import Standing
from tests.torture import boots
from tests.torture.change import CHANGES, SETUP, Change
from tests.torture.fault import KINDS
from tests.torture.figures import Figures
from tests.torture.setting_up import SettingUp
from tests.torture.trial import Trial

NAMED = {change.name: change for change in CHANGES}
# Which moments, counted from one, are tried each time.
SOME = (
    ("add-site", "agent", (1, 6, 11, 16)),
    ("edit-site up", "controller", (2, 5, 8)),
    ("edit-site up", "power", (6,)),
    ("deploy", "connection", (2, 6, 9)),
    ("remove-site", "agent", (2, 6, 10, 14)),
    ("rename-site", "agent", (5, 12, 24, 33)),
)
ROUNDS = 3
HOUR = 3600  # seconds that one change may take, with all its moments


@pytest.mark.parametrize(("name", "kind", "moments"), SOME)
def test_a_change_that_breaks_off_leaves_the_old_state_or_the_new(
    street: Standing, figures: Figures, name: str, kind: str, moments: tuple[int, ...]
):
    trial = Trial(street.owner, street.host, NAMED[name], kind)
    figures.trials.append(trial)
    trial.ready()

    for moment in moments:
        trial.at(moment)

    assert [] == trial.faults
    assert len(moments) == len(trial.points)


@pytest.mark.torture
@pytest.mark.timeout(HOUR)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_death_at_every_step_leaves_the_old_state_or_the_new(
    street: Standing, figures: Figures, change: Change, kind: str
):
    trial = Trial(street.owner, street.host, change, kind)
    figures.trials.append(trial)
    trial.ready()

    trial.everywhere()

    assert [] == trial.faults
    assert "ready 1" in {point.moment for point in trial.points}


@pytest.mark.torture
@pytest.mark.timeout(HOUR)
@pytest.mark.parametrize("kind", KINDS)
def test_death_at_every_step_of_a_setup_leaves_a_server_that_can_be_set_up(
    meadow: Standing, figures: Figures, kind: str
):
    trial = SettingUp(meadow.owner, meadow.host, SETUP, kind)
    figures.trials.append(trial)
    trial.ready()

    trial.everywhere()

    assert [] == trial.faults
    assert "ready 1" in {point.moment for point in trial.points}


@pytest.mark.torture
@pytest.mark.timeout(HOUR)
def test_a_boot_with_a_change_to_undo_brings_every_worker_back(street: Standing, figures: Figures):
    for _ in range(ROUNDS):
        figures.boots.append(boots.compared(street))

    assert ROUNDS == len(figures.boots)
