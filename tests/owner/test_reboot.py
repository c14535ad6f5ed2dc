"""
After a power cut a server is what its owner made of it: each change that was made before is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cinestream_ops import lab
from tests.owner.conftest import SITES, Standing
from tests.owner.test_trouble import SHOP, dns, state

KEPT, GONE = "kept.example.test", "gone.example.test"
MOVIES = "movies.example.test"
TAME = f"--source {SITES / 'tame'} --wsgi unruly:application"
FINGERPRINT = (
    "openssl s_client -connect 127.0.0.1:443 -servername {} </dev/null 2>/dev/null"
    " | openssl x509 -noout -fingerprint -sha256"
)
TIMERS = ("cinestream-certificates.timer", "certbot.timer", "movie_app-refresh.timer")


@dataclass(frozen=True)
class Booted:
    """A server after its boot, and what was seen of it before."""

    standing: Standing
    state: str
    certificates: dict[str, str]

    def at(self, unit: str, moment: str) -> int:
        """When *unit* came to a *moment* of its life, in microseconds since the boot."""
        told = self.standing.host.runs("systemctl", "show", "-p", moment, "--value", unit)
        return int(told)

    def active(self, unit: str) -> str:
        return self.standing.host.tries("systemctl", "is-active", unit).stdout.strip()

    def get(self, name: str) -> tuple[int, str]:
        return self.standing.host.get(name, "/", "--insecure", "--location")


def made(standing: Standing) -> None:
    """One change of each kind, on sites of which each has had the last word of its own."""
    owner, address = standing.owner, standing.host.lab.address
    asked = f"--yes --acme-directory {standing.host.lab.acme_directory}"
    dns(standing, "set-default-ipv4", {"ip": address})
    owner.types(f"add-site movie_app --workers 2 --domain {MOVIES} --yes")
    owner.types("env set movie_app GREETING=hello --yes")
    owner.types("edit-site shop --workers 5 --yes")
    owner.types("edit-site shop --workers 4 --yes")
    owner.types(f"deploy shop {TAME} --yes")
    owner.types("rollback shop --yes")
    owner.types(f"domain add shop {KEPT} {asked}")
    owner.types(f"domain add shop {GONE} {asked}")
    owner.types(f"domain remove shop {GONE} --yes")
    owner.types(f"add-site closed {TAME} --workers 1 --yes")
    owner.types("stop closed --yes")
    owner.types(f"add-site pinned {TAME} --workers 1 --yes")
    owner.types("rename-site pinned posted --yes")
    owner.types("maintenance posted on --message 'Back at nine' --yes")


@pytest.fixture(scope="module")
def booted(rough: Standing) -> Iterator[Booted]:
    made(rough)
    found = {name: rough.host.sh(FINGERPRINT.format(name)) for name in (KEPT, MOVIES)}
    before = state(rough)
    lab.power_cut(rough.host.lab.name)
    lab.boot(rough.host.lab.name)
    rough.host.sh(
        "for i in $(seq 90); do [ $(systemctl is-active 'shop@*.service' 'movie_app@*.service'"
        " 'posted@*.service' | grep -cx active) = 7 ] && systemctl is-active -q nginx && exit;"
        " sleep 1; done; systemctl list-units --state=failed,activating; exit 1"
    )
    yield Booted(rough, before, found)
    for site in ("movie_app", "closed", "posted"):
        rough.owner.types(f"remove-site {site} --purge --yes")
    rough.owner.types(f"domain remove shop {KEPT} --yes")
    rough.owner.types(f"edit-site shop {SHOP} --workers 3 --yes")


def test_everything_is_as_it_was(booted: Booted):
    assert booted.state == state(booted.standing)


def test_nothing_is_left_to_do(booted: Booted):
    said = booted.standing.owner.tries("plan --exit-code")

    assert 0 == said.code, said.out + said.err


def test_nothing_is_in_trouble(booted: Booted):
    said = booted.standing.owner.types("status")

    assert "" == said.err
    assert "" == booted.standing.host.runs("systemctl", "--failed", "--no-legend")


def test_a_site_that_was_added_serves_with_its_database(booted: Booted):
    code, body = booted.get("movie-app.localhost")

    assert 200 == code
    assert "/kyiv" in body


def test_a_site_has_the_workers_it_was_scaled_to(booted: Booted):
    assert 4 == len(booted.standing.host.workers("shop"))


def test_a_site_runs_the_release_it_was_rolled_back_to(booted: Booted):
    code, body = booted.get("shop.localhost")

    assert (200, "bottle") == (code, body.split()[0])


@pytest.mark.parametrize("name", [KEPT, MOVIES])
def test_the_certificate_that_was_served_is_served(booted: Booted, name: str):
    assert "Fingerprint=" in booted.certificates[name]
    assert booted.certificates[name] == booted.standing.host.sh(FINGERPRINT.format(name))


def test_a_domain_that_was_removed_is_served_no_certificate(booted: Booted):
    shown = booted.standing.host.tries("sh", "-c", FINGERPRINT.format(GONE))

    assert "Fingerprint=" not in shown.stdout


def test_a_site_that_was_stopped_is_stopped(booted: Booted):
    assert {} == booted.standing.host.workers("closed")
    assert 503 == booted.get("closed.localhost")[0]


def test_a_site_in_maintenance_is_in_maintenance_and_runs(booted: Booted):
    [told] = booted.standing.owner.types("status posted --json").data

    assert "Back at nine" == told["maintenance"]["message"]
    assert all(each["ready"] for each in told["workers"])


def test_a_site_has_the_name_it_was_given_last(booted: Booted):
    sites = booted.standing.owner.types("sites --json").data

    assert ["closed", "movie_app", "posted", "shop"] == sorted(each["name"] for each in sites)
    assert "" == booted.standing.host.sh("systemctl list-units --all --plain --no-legend 'pinned*'")


def test_a_variable_that_was_set_is_set(booted: Booted):
    told = booted.standing.owner.types("env list movie_app").out

    assert "GREETING" in told
    assert "hello" in told


@pytest.mark.parametrize("timer", TIMERS)
def test_timers_are_there(booted: Booted, timer: str):
    assert "active" == booted.active(timer)


def test_the_database_is_up_before_any_worker(booted: Booted):
    ready = booted.at("mongodb.service", "ActiveEnterTimestampMonotonic")
    started = [
        booted.at(f"{site}@{port}.service", "ExecMainStartTimestampMonotonic")
        for site in ("shop", "movie_app")
        for port in booted.standing.host.workers(site)
    ]

    assert 0 < ready <= min(started)


def test_what_was_cut_off_would_be_undone_before_nginx(booted: Booted):
    undone = booted.at("cinestream-recover.service", "ActiveEnterTimestampMonotonic")

    assert 0 < undone <= booted.at("nginx.service", "ExecMainStartTimestampMonotonic")


def test_the_ports_of_workers_are_closed_before_any_of_them_is_open(booted: Booted):
    closed = booted.at("cinestream-firewall.service", "ActiveEnterTimestampMonotonic")
    opened = [
        booted.at(f"shop@{port}.socket", "ActiveEnterTimestampMonotonic")
        for port in booted.standing.host.workers("shop")
    ]

    assert 0 < closed <= min(opened)
