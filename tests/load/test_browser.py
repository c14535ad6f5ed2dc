"""
Nothing that a browser sends is lost while a site is changed: one page, many requests, over HTTP/2.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.load import browser, story
from tests.load.browser import REFUSED_STREAM, Log, Loops, Visit
from tests.load.changes import Change, changes, reloads
from tests.load.conftest import Standing, release
from tests.load.crowd import FORM, QUICK, SLOW
from tests.load.story import SITE, Story

pytestmark = pytest.mark.lab

# Below what nginx grants one address in a second.
LOOPS = Loops(quick=6, slow=3, forms=4, pause=0.1, slow_seconds=3)
HASTY = Loops(quick=2, slow=1, forms=8, pause=0.1, slow_seconds=3)
ARRIVED = (
    r"""sed -nE 's/.* "POST [^ ]*token=([^ ]+) HTTP.*/\1/p' /var/log/nginx/crowded.access.log"""
)


@dataclass(frozen=True)
class Browsed:
    """A visit, what was done meanwhile, the browser's log, and the forms in that of nginx."""

    visit: Visit
    story: Story
    log: Log
    arrived: Counter[str]


@pytest.fixture(scope="module")
def told(standing: Standing, tmp_path_factory: pytest.TempPathFactory) -> Browsed:
    folder = tmp_path_factory.mktemp("browser")
    work = changes(least=2, most=8, second=release(folder, "two"))
    return browsed(standing, folder, LOOPS, work)


def browsed(standing: Standing, folder: Path, loops: Loops, work: Sequence[Change]) -> Browsed:
    log, name = folder / "netlog.json", folder.name
    with browser.opened(standing.host.lab, SITE, loops, name, log) as tab:
        spans = story.done(standing, work, calm=0.3)
        visit = tab.leave()
    tokens = standing.host.sh(ARRIVED).split()
    arrived = Counter(token for token in tokens if token.startswith(f"{name}."))
    return Browsed(visit, Story([*visit.answers.values()], spans), browser.read(log), arrived)


def test_whatever_a_browser_sends_is_answered_whatever_is_changed(told: Browsed):
    asked = {(each.kind, each.visitor) for each in told.story.answers}

    assert told.log.unsent == told.visit.lost
    assert {QUICK: 6, SLOW: 3, FORM: 4} == Counter(kind for kind, _ in asked)


def test_every_form_of_a_browser_arrives_once_and_whole(told: Browsed):
    assert Counter(told.visit.forms - told.log.unsent) == told.arrived


def test_a_browser_asks_over_one_connection_of_http_2_until_it_is_said_goodbye(told: Browsed):
    assert {"h2"} == set(told.visit.protocols)
    assert 3 < told.log.goodbyes
    assert told.log.connections <= told.log.goodbyes + 1


@pytest.mark.torture
def test_a_browser_asks_again_what_crosses_with_the_goodbye_of_a_reload(
    standing: Standing, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path_factory.mktemp("reloads")

    told = browsed(standing, folder, HASTY, [reloads(200, pause=0.5)])

    show(told, capsys)
    assert told.log.unsent == told.visit.lost
    assert Counter(told.visit.forms - told.log.unsent) == told.arrived
    assert 0 < told.log.again[REFUSED_STREAM]


def show(told: Browsed, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{story.table(told.story)}\n{told.log}\n")
