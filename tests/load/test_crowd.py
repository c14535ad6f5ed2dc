"""
The whole crowd: two hundred connections from a hundred addresses, until they have asked often enough.
"""

from __future__ import annotations

import sys

import pytest

from tests.load import story
from tests.load.changes import changes, kills
from tests.load.conftest import Standing, release
from tests.load.crowd import Size, failed
from tests.load.story import Story

pytestmark = [pytest.mark.lab, pytest.mark.torture, pytest.mark.timeout(3600)]

SIZE = Size(quick=184, slow=8, next_door=8, addresses=100, pause=0.35, slow_seconds=10, forms=16)
HASTY = Size(quick=200, slow=0, next_door=8, addresses=100, pause=0.35, slow_seconds=0)
REQUESTS = 200_000


def test_nothing_is_lost_by_a_crowd(
    standing: Standing, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path_factory.mktemp("crowd")
    standing.owner.types("edit-site crowded --workers 4 --yes")
    work = changes(least=4, most=24, second=release(folder, "two"))

    told = story.told(standing, folder / "book", SIZE, work, calm=2, requests=REQUESTS)

    show(told, capsys)
    assert {} == failed(told.answers, told.spans)


def test_workers_killed_before_a_crowd_lose_nothing(
    standing: Standing, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
):
    book = tmp_path_factory.mktemp("kills") / "book"
    standing.owner.types("edit-site crowded --workers 4 --yes")

    told = story.told(standing, book, HASTY, kills(60), calm=2)

    show(told, capsys)
    assert {} == failed(told.answers, told.spans)


def show(told: Story, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{story.table(told)}\n")
