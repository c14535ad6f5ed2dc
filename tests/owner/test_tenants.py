"""
Sites that use up what is everybody's: each is held within its bounds, told of, and can be mended,
while the site beside it answers every time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.owner import limits
from tests.owner.asking import asking
from tests.owner.conftest import SITES, Standing

UNRULY, TAME = SITES / "unruly", SITES / "tame"
START = "/var/www/%s/data/start"
SOONER = "/run/systemd/system/hopeless@.service.d"
JOURNAL_BURST = 1000 * 6  # LogRateLimitBurst=, and what journald makes of it on an empty disk


@dataclass(frozen=True)
class Site:
    """One site of a server, and what its owner is told of it."""

    standing: Standing
    name: str

    @property
    def told(self) -> dict[str, Any]:
        """As `status --json` tells, whatever its exit code."""
        return json.loads(self.standing.owner.tries(f"status {self.name} --json").out)[0]

    def shown(self, name: str) -> set[str]:
        """The property *name* of its workers, by systemd."""
        told = self.standing.host.runs(
            "systemctl",
            "show",
            "--value",
            "-p",
            name,
            *(each["unit"] for each in self.told["workers"]),
        )
        return set(told.split())

    def asks(self, path: str) -> str:
        return self.standing.host.get(f"{self.name}.localhost", path)[1]

    def does_at_start(self, what: str) -> None:
        """From now on; and it starts now, for somebody killed it."""
        path = START % self.name
        self.standing.host.sh(
            f"echo {what} >{path}; systemctl kill -s KILL '{self.name}@*.service'"
        )

    def waits_for(self, condition: str, seconds: int = 60) -> None:
        self.standing.host.sh(
            f"for i in $(seq {seconds * 10}); do {condition} && exit; sleep .1; done;"
            f" systemctl status --no-pager '{self.name}@*'; exit 1"
        )

    def is_mended(self) -> None:
        self.standing.host.sh(f"rm -f {START % self.name}")
        self.standing.owner.types(f"restart {self.name} --batch 100 --yes --wait 60")


def added(rough: Standing, name: str, source: Path, workers: int) -> Site:
    told = f"--source {source} --wsgi unruly:application --workers {workers} --memory 16"
    rough.owner.types(f"add-site {name} {told} --yes")
    return Site(rough, name)


@pytest.fixture(scope="module", autouse=True)
def beside(rough: Standing) -> Iterator[None]:
    """The site next door, which is asked all the while."""
    with asking(rough.host, "shop.localhost") as asked:
        yield
    assert {200} == asked.statuses


@pytest.fixture(scope="module")
def hopeless(rough: Standing, beside: None) -> Iterator[Site]:
    """One that ends as soon as it starts, from before the other tests until after them."""
    site = added(rough, "hopeless", UNRULY, 1)
    # Thirty starts take more than a minute: it is given up sooner here.
    rough.host.sh(
        f"mkdir -p {SOONER}; printf '[Unit]\\nStartLimitBurst=5\\n' > {SOONER}/sooner.conf;"
        " systemctl daemon-reload"
    )
    site.does_at_start("quit")
    yield site
    rough.owner.types("remove-site hopeless --purge --yes")
    rough.host.sh(f"rm -r {SOONER}; systemctl daemon-reload")


@pytest.fixture(scope="module")
def spoilt(hopeless: Site) -> Iterator[Site]:
    site = added(hopeless.standing, "spoilt", TAME, 2)
    site.standing.owner.types(f"deploy spoilt --source {UNRULY} --yes")
    yield site
    site.standing.owner.tries("remove-site spoilt --purge --yes")


@pytest.fixture
def site(spoilt: Site) -> Iterator[Site]:
    """The one that is mended after each test."""
    yield spoilt
    spoilt.is_mended()


def test_one_that_leaks_is_cut_down_and_started_again(site: Site):
    with limits.in_force(site.standing.host, site.name):
        site.asks("/leak")
        site.waits_for("systemctl show -p NRestarts --value 'spoilt@*.service' | grep -q 1")
    site.waits_for("[ $(systemctl is-active 'spoilt@*.service' | grep -cx active) = 2 ]")
    said = site.standing.owner.tries("status")

    assert [0, 1] == sorted(each["restarts"] for each in site.told["workers"])
    assert "of `spoilt` was killed" in said.err
    assert "memory" in said.err
    assert "`cinestream edit-site spoilt --memory MIB` gives it more room" in said.err
    assert ["warn"] == [each["level"] for each in site.told["trouble"]]


def test_one_that_forks_without_end_has_no_more_processes_than_its_slice(site: Site):
    count = "ps -o pid= -L --user spoilt | wc -l"

    with limits.in_force(site.standing.host, site.name) as bounds:
        site.asks("/fork")
        site.waits_for(f"[ $({count}) -gt 100 ]")
        site.standing.host.sh("sleep 2")
        processes = int(site.standing.host.sh(count))
        # No process is left for a successor, which a restart would wait for.
        site.standing.owner.types("stop spoilt --yes")
        site.standing.owner.types("start spoilt --yes --wait 60")

    assert 100 < processes <= bounds["TasksMax"]
    assert int(site.standing.host.sh(count)) < 100


def test_one_that_never_falls_silent_has_no_more_lines_in_the_journal_than_it_may(site: Site):
    lines = "journalctl -q -b --namespace=spoilt -u 'spoilt@*' | grep -c chatter"

    site.asks("/chatter")
    site.waits_for("[ $(curl -s -H 'Host: spoilt.localhost' 127.0.0.1 | cut -d' ' -f2) -gt 20000 ]")
    kept = int(site.standing.host.sh(lines))

    assert 0 < kept <= JOURNAL_BURST


def test_one_that_is_never_ready_is_told_of_and_can_be_rolled_back(site: Site):
    site.does_at_start("hang")
    site.waits_for("systemctl show -p SubState --value spoilt@*.service | grep -qx start")
    said = site.standing.owner.tries("status")
    told = site.told
    site.standing.owner.types("rollback spoilt --yes")
    body = site.asks("/")
    site.standing.host.sh(f"rm {START % 'spoilt'}")
    site.standing.owner.types("rollback spoilt --yes")

    assert 1 == said.code
    assert "of `spoilt` has been starting for" in said.err
    assert (
        "`cinestream logs spoilt` tells more; once it is mended, `cinestream restart spoilt`"
        in said.err
    )
    assert {"activating"} == {each["state"] for each in told["workers"]}
    assert ["stop"] == [each["level"] for each in told["trouble"]]
    assert "tame" == body


def test_what_cannot_be_started_again_on_the_way_back_holds_up_no_other_site(
    site: Site, tmp_path: Path
):
    _, second, *_ = (int(each["unit"][7:-8]) for each in site.told["workers"])
    (tmp_path / "unruly.py").write_text(
        f"import os, sys\nif '{second}' in sys.argv:\n    os._exit(9)\n"
        "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'new']\n"
    )
    site.standing.host.sh(f"echo quit >{START % 'spoilt'}")

    said = site.standing.owner.tries(f"deploy spoilt --source {tmp_path} --yes")
    next_door = site.standing.owner.tries("edit-site shop --tasks 65 --yes")
    site.standing.owner.types("edit-site shop --tasks 64 --yes")

    assert (1, 0) == (said.code, next_door.code)
    assert "of `spoilt` ended with exit code 7" in said.err
    assert "Nothing is unfinished" in site.standing.owner.types("recover").err


def test_one_that_always_ends_at_once_is_given_up(hopeless: Site):
    owner, host = hopeless.standing.owner, hopeless.standing.host

    hopeless.waits_for("systemctl is-failed -q 'hopeless@*.service'")
    said, told = owner.tries("status"), hopeless.told
    planned = owner.tries("plan hopeless --exit-code")
    status, _ = host.get("hopeless.localhost")

    assert (1, 4) == (said.code, planned.code)
    assert re.search(
        r"of `hopeless` ended with exit code 7 at each of \d+ starts, and was given up", said.err
    )
    assert "`cinestream restart hopeless`" in said.err
    assert ["failed"] == [each["state"] for each in told["workers"]]
    assert "does not run any more: it failed, or was stopped by hand" in planned.err
    assert 503 == status


def test_one_that_was_given_up_can_be_deployed(hopeless: Site):
    owner = hopeless.standing.owner
    hopeless.waits_for("systemctl is-failed -q 'hopeless@*.service'")

    owner.types(f"deploy hopeless --source {TAME} --yes")

    assert "tame" == hopeless.asks("/")
    assert 0 == owner.tries("plan hopeless --exit-code").code
    assert [] == hopeless.told["trouble"]


def test_a_site_that_does_not_start_can_be_stopped_to_bring_the_server_up_to_date(site: Site):
    owner, host = site.standing.owner, site.standing.host
    site.does_at_start("quit")
    host.sh("echo '# another version' >> /usr/lib/cinestream/agent")

    stuck = owner.tries("apply --yes")
    owner.types("stop spoilt --yes")
    owner.types("apply --yes")
    host.sh(f"rm {START % 'spoilt'}")
    owner.types("start spoilt --yes")

    assert 1 == stuck.code
    assert "`cinestream stop spoilt` keeps it out of the way" in stuck.err


def test_one_that_fails_all_the_time_can_be_removed(spoilt: Site):
    owner, host = spoilt.standing.owner, spoilt.standing.host
    spoilt.does_at_start("quit")

    owner.types("remove-site spoilt --purge --yes")

    assert "" == host.sh("systemctl list-units --plain --no-legend --all 'spoilt*'")
    assert 0 == owner.tries("plan --exit-code").code
