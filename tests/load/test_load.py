"""
No request is lost while a site is changed: many visitors over TLS, and all that an owner does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.load import downloads, story
from tests.load.changes import (
    BACK,
    DEPLOY,
    GROW,
    SHRINK,
    Change,
    calm,
    changes,
    exchanges,
    kills,
    reloads,
    scalings,
)
from tests.load.conftest import Standing, release
from tests.load.crowd import FORM, NEXT_DOOR, QUICK, SLOW, Size, failed
from tests.load.story import SITE, Story

pytestmark = pytest.mark.lab

SIZE = Size(quick=40, slow=2, next_door=4, addresses=20, pause=0.2, slow_seconds=3, forms=4)
HASTY = Size(quick=40, slow=0, next_door=4, addresses=20, pause=0.2, slow_seconds=0)
LEAVING = "pgrep --count --full '[w]orker process is shutting down' || true"


@pytest.fixture(scope="module")
def told(standing: Standing, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("load")
    work = changes(least=2, most=6, second=release(folder, "two"))
    # The second release is there for longer than a long page takes.
    rollback = [change.name for change in work].index(BACK)
    work = (*work[:rollback], calm(SIZE.slow_seconds + 1), *work[rollback:])
    return story.told(standing, folder / "book", SIZE, work, calm=0.3)


def test_every_visitor_is_answered_whatever_is_changed(told: Story):
    assert {} == failed(told.answers, told.spans)


def test_a_long_request_survives_restart_deploy_and_rollback(told: Story):
    long = told.whole.of(told.answers, SLOW)

    assert [] == [each.failure for each in long if each.failure]
    assert {"one", "two"} == {each.release for each in long}


def test_every_form_arrives_once_and_whole(told: Story):
    forms = told.whole.of(told.answers, FORM)

    assert [] == [each.failure for each in forms if each.failure or each.crossed]
    assert 4 == len({each.visitor for each in forms})


def test_a_healthy_site_is_answered_all_the_while(told: Story):
    beside = told.whole.of(told.answers, NEXT_DOOR)

    assert [] == [each.failure for each in beside if each.failure]
    assert 4 == len({each.visitor for each in beside})


def test_after_a_deploy_nobody_is_shown_the_old_release(told: Story):
    deployed = told.between(DEPLOY, BACK).of(told.answers, QUICK)
    taken_back = told.between(BACK, SHRINK).of(told.answers, QUICK)

    assert {"two"} == {each.release for each in deployed}
    assert {"one"} == {each.release for each in taken_back}


def test_visitors_stay_with_their_worker_for_as_long_as_it_exists(told: Story):
    since = told.between(GROW, SHRINK).of(told.answers, QUICK)

    assert 6 == len({each.port for each in since})
    assert {} == story.wanderers(since)


def test_visitors_with_a_cookie_leave_their_worker_for_none_but_a_new_one(told: Story):
    beside = told.whole.of(told.answers, NEXT_DOOR)
    new = max(each.port for each in beside)

    assert 1 < len({each.port for each in beside})
    assert {} == story.wanderers(beside, but={new})


def test_the_renewed_certificate_is_what_is_served(told: Story, standing: Standing):
    serial = "openssl x509 -noout -serial"
    kept = f"{serial} -in /etc/letsencrypt/archive/crowded.example.test/cert2.pem"
    asked = "openssl s_client -connect 127.0.0.1:443 -servername crowded.example.test </dev/null"

    served = standing.host.sh(f"{asked} 2>/dev/null | {serial}")

    assert standing.host.sh(kept) == served


def test_a_worker_that_is_killed_loses_no_request(
    standing: Standing, tmp_path_factory: pytest.TempPathFactory
):
    book = tmp_path_factory.mktemp("kills") / "book"

    told = story.told(standing, book, HASTY, kills(6), calm=0.3)

    assert {} == failed(told.answers, told.spans)
    assert 2 < len({each.process for each in told.whole.of(told.answers, QUICK)})


@pytest.mark.torture
def test_a_slow_download_comes_whole_whatever_is_changed(
    standing: Standing, tmp_path_factory: pytest.TempPathFactory
):
    folder = tmp_path_factory.mktemp("download")
    first, second = release(folder, "first"), release(folder, "second")
    film, _ = downloads.film(first, 20_000_000, seed=1), downloads.film(second, 100, seed=2)
    standing.owner.types(f"deploy crowded --source {first} --yes")

    told = taken(standing, folder, "800k", [reloads(3, pause=0.3), *exchanges(second)])

    assert [("1.1 200", film), ("2 200", film)] == told


@pytest.mark.torture
def test_a_download_may_outlast_what_a_change_waits_for(
    standing: Standing, tmp_path_factory: pytest.TempPathFactory
):
    folder = tmp_path_factory.mktemp("download")
    source = release(folder, "long")
    film = downloads.film(source, 60_000_000, seed=3)
    standing.owner.types(f"deploy crowded --source {source} --yes")

    told = taken(standing, folder, "700k", scalings(least=2, most=4))

    assert [("1.1 200", film), ("2 200", film)] == told


def taken(
    standing: Standing, folder: Path, rate: str, work: Sequence[Change]
) -> list[tuple[str, str]]:
    """What came of a film by each protocol, whose taking at *rate* outlasts all of *work*."""
    with downloads.begun(standing.host.lab, SITE, folder, rate) as slow:
        for change in work:
            story.during(standing, change)
        assert "0" != standing.host.sh(LEAVING)
        assert [True, True] == [each.goes_on for each in slow]
        return [each.end() for each in slow]
