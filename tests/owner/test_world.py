"""
What surrounds a site misbehaves: its database, the certificate authority, the DNS, the clock, other
programs and the owner's own hand.  Each time the site stays as it was, and a sentence says why.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.owner.asking import Asked, asking
from tests.owner.authority import Authority, authority
from tests.owner.conftest import SITES, Standing
from tests.owner.test_trouble import SHOP, dns, state

MINE = "/etc/nginx/conf.d/mine.conf"
CINEMA = "movie-app.localhost"
MONGOD = "$(systemctl show -p MainPID --value mongodb)"
AWAY = {
    "stopped": ("systemctl stop mongodb", "systemctl start mongodb"),
    "frozen": (f"kill -STOP {MONGOD}", f"kill -CONT {MONGOD}"),
    "restarted": ("systemctl restart mongodb", "true"),
}
UNSEEN = {"stopped": "/kharkiv", "frozen": "/odesa", "restarted": "/dnipro"}
# Seconds that a page may take while the database is away: 10 for an answer on a connection that was
# good, 2 to find that there is no other, and some for a busy machine.
LONGEST = 18
# What certbot grants an authority for one answer, and the rest of a try.
HANGING = 45 + 100
AWHILE = {"frozen": 16, "stopped": 6, "restarted": 6}
RETRY = "systemctl start cinestream-certificates.service"
NAME = "world.example.test"
RECORD = f"/var/lib/cinestream/certificates/{NAME}.json"


@pytest.fixture
def changed(rough: Standing, tmp_path: Path) -> Iterator[str]:
    """The options of a deploy of the shop with other code and the same requirements."""
    for path in (SITES / "bottle_site").iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "shop.py").open("a") as code:
        code.write("\n\nopening_hours = 'nine to five'\n")
    yield f"--source {tmp_path} --wsgi shop:application"
    rough.owner.types(f"deploy shop {SHOP} --yes")


def sites(standing: Standing) -> set[str]:
    return {each["name"] for each in standing.owner.types("sites --json").data}


def lives(standing: Standing, name: str = "shop.localhost") -> bool:
    return standing.host.get(name)[0] == 200


# The database


@pytest.fixture(scope="module")
def cinema(rough: Standing) -> Iterator[Standing]:
    rough.owner.types("add-site movie_app --workers 2 --yes")
    yield rough
    rough.owner.types("remove-site movie_app --purge --yes")


def away(standing: Standing, how: str) -> AbstractContextManager[None]:
    """The database is away in the way of *how* for the block, and back after it."""
    return standing.host.meanwhile(*AWAY[how])


@pytest.mark.parametrize("how", AWAY)
def test_without_mongod_a_page_is_there_or_503_soon_and_comes_back_by_itself(
    cinema: Standing, how: str
):
    for page in ("/", "/kyiv"):
        cinema.host.get(CINEMA, page)

    with asking(cinema.host, CINEMA, "/kyiv") as seen, asking(cinema.host, CINEMA, "/") as kept:
        with asking(cinema.host, CINEMA, UNSEEN[how]) as unseen, away(cinema, how):
            cinema.host.sh(f"sleep {AWHILE[how]}")
        with asking(cinema.host, CINEMA, UNSEEN[how]) as afterwards:
            cinema.host.sh("sleep 8")

    for asked in (seen, kept, unseen, afterwards):
        assert_answered(asked)
    assert {200} == kept.statuses
    assert {200} == {each.status for each in afterwards.answers[-5:]}
    assert {0} == restarts(cinema)


def assert_answered(asked: Asked) -> None:
    assert asked.answers
    assert asked.statuses <= {200, 503}
    assert all(each.retry_after for each in asked.answers if each.status == 503)
    assert asked.longest < LONGEST


def restarts(standing: Standing) -> set[int]:
    [site] = standing.owner.types("status movie_app --json").data
    return {each["restarts"] for each in site["workers"]}


def test_with_a_frozen_mongod_code_is_deployed_and_status_says_who_cannot_serve(
    cinema: Standing, changed: str
):
    with away(cinema, "frozen"):
        said = cinema.owner.tries("status")
        next_door = cinema.owner.tries(f"deploy shop {changed} --yes")
        restarted = cinema.owner.tries("restart movie_app --yes")

    assert (1, 0, 0) == (said.code, next_door.code, restarted.code)
    assert re.search(r"of `movie_app` (does not answer|answers) `/readyz`", said.err)
    assert 0 == cinema.owner.tries("plan --exit-code").code


@pytest.mark.torture
@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_without_mongod_no_site_is_added(cinema: Standing, how: str):
    with away(cinema, how):
        said = cinema.owner.tries("add-site late --workers 1 --yes")

    assert 1 == said.code
    assert "error: MongoDB: 127.0.0.1:27017" in said.err
    assert "journalctl -u mongodb" in said.err
    assert "late" not in sites(cinema)
    assert 0 == cinema.owner.tries("plan --exit-code").code


# The authority


@pytest.fixture(scope="module")
def moody(rough: Standing) -> Iterator[Authority]:
    dns(rough, "set-default-ipv4", {"ip": rough.host.lab.address})
    with authority(rough.host.lab) as made:
        yield made


@pytest.fixture
def refused(rough: Standing, moody: Authority) -> Iterator[Standing]:
    """A domain of the shop may be asked for, as if for the first time; it is removed afterwards."""
    rough.host.sh("rm -f /var/lib/cinestream/ledger.json")
    yield rough
    moody.mood = "well"
    rough.owner.types(f"domain remove shop {NAME} --yes")


def listing(standing: Standing) -> dict[str, Any]:
    """What `domain list` tells of that domain."""
    found = standing.owner.types("domain list shop --json").data
    return next(each for each in found if each["domain"] == NAME)


TOO_LATE = "the authority did not answer `certbot` in time"
MOODS = {
    "away": "does not answer",
    "silent": "does not answer",
    "limiting": "rateLimited",
    "confused": "of no use: it is for another key",
    "mistaken": "of no use: it is for another key",
    "hanging": TOO_LATE,
}
LONG = {"hanging"}  # it takes certbot a minute to give up
MOMENTS = [pytest.param(each, marks=[pytest.mark.torture] * (each in LONG)) for each in MOODS]
OVERDUE = f'sed -i \'s/"next_try": [0-9.]*/"next_try": 0/\' {RECORD}'


@pytest.mark.parametrize("mood", MOMENTS)
def test_an_authority_that_gives_none_leaves_the_site_and_is_asked_again(
    refused: Standing, moody: Authority, mood: str
):
    moody.mood = mood
    said = refused.owner.types(f"domain add shop {NAME} --yes --acme-directory {moody.directory}")
    listed = listing(refused)
    standing = refused.owner.types("status shop")
    moody.mood = "well"
    refused.host.sh(f"{OVERDUE}; {RETRY}")
    done = listing(refused)

    for text in (said.err, listed["why"], standing.err):
        assert MOODS[mood] in text
    assert "http-only" == listed["state"]
    assert f"`{NAME}` of `shop` is http-only" in standing.err
    assert ("issued", "") == (done["state"], done["why"])
    assert 0 == refused.owner.tries("plan --exit-code").code


@pytest.mark.torture
def test_while_an_authority_hangs_nobody_waits_for_it_without_an_end(
    refused: Standing, moody: Authority
):
    owner, host = refused.owner, refused.host
    moody.mood = "hanging"
    asking_it = owner.start(f"domain add shop {NAME} --yes --acme-directory {moody.directory}")
    host.sh(f"for i in $(seq 300); do [ -s {RECORD} ] && exit; sleep .1; done; exit 1")

    at_once = owner.tries("edit-site shop --workers 4 --yes")
    later = owner.tries("edit-site shop --workers 4 --yes --wait 120")
    _, told = asking_it.communicate(timeout=60)
    before, began = tries(refused), time.monotonic()
    host.tries("sh", "-c", f"{OVERDUE}; {RETRY} --no-block; sleep 1; {RETRY}")
    took, after = time.monotonic() - began, tries(refused)
    why = listing(refused)["why"]
    moody.mood = "well"
    owner.types("edit-site shop --workers 3 --yes")

    assert (1, 0) == (at_once.code, later.code), later.err
    assert f"is doing `domain add shop {NAME}`" in at_once.err
    assert TOO_LATE in told
    assert TOO_LATE in why
    assert took < HANGING
    assert before + 1 == after


def tries(standing: Standing) -> int:
    return int(json.loads(standing.host.sh(f"cat {RECORD}"))["tries"])


def test_more_names_whose_certificate_is_of_no_use_leave_the_one_that_is_served(
    refused: Standing, moody: Authority
):
    asked = f"--yes --acme-directory {moody.directory}"
    refused.owner.types(f"domain add shop {NAME} {asked}")
    first = served(refused)

    moody.mood = "mistaken"
    said = refused.owner.types(f"domain add shop {NAME} --www {asked}")
    after = served(refused)
    refused.host.runs("systemctl", "restart", "nginx")
    moody.mood = "well"
    refused.host.sh(f"{OVERDUE}; {RETRY}")
    done = listing(refused)

    assert MOODS["mistaken"] in said.err
    assert first == after
    assert ("issued", "") == (done["state"], done["why"])
    assert first != served(refused)
    assert 0 == refused.owner.tries("plan --exit-code").code


def test_a_slow_authority_is_waited_for(refused: Standing, moody: Authority):
    moody.mood = "slow"

    refused.owner.types(f"domain add shop {NAME} --yes --acme-directory {moody.directory}")
    listed = listing(refused)

    assert "issued" == listed["state"]


def test_a_renewal_that_goes_wrong_leaves_the_certificate_that_is_served(
    refused: Standing, moody: Authority
):
    renew = f"certbot renew -q --force-renewal --no-random-sleep-on-renew --cert-name {NAME}"
    refused.owner.types(f"domain add shop {NAME} --yes --acme-directory {moody.directory}")
    first = served(refused)

    moody.mood = "limiting"
    limited = refused.host.tries("sh", "-c", renew)
    after_the_limit = served(refused)
    moody.mood = "confused"
    refused.host.tries("sh", "-c", renew)
    after_the_stranger = served(refused)
    standing = refused.owner.types("status shop")
    tested = refused.host.tries("nginx", "-t")
    moody.mood = "well"
    refused.host.sh(renew)
    done = listing(refused)

    assert limited.returncode
    assert first == after_the_limit == after_the_stranger
    assert 0 == tested.returncode
    assert "so the one before stays: it is for another key" in standing.err
    assert ("issued", "") == (done["state"], done["why"])
    assert first != served(refused)
    assert 0 == refused.owner.tries("plan --exit-code").code


def served(standing: Standing) -> str:
    """
    The fingerprint of what visitors get.

    For a moment after a reload they may still meet a worker of nginx that knew no such domain.
    """
    asked = f"openssl s_client -connect 127.0.0.1:443 -servername {NAME} </dev/null 2>/dev/null"
    told = f"{asked} | openssl x509 -noout -fingerprint -sha256"
    return standing.host.sh(f"for i in $(seq 40); do {told} 2>&- && exit; sleep .5; done; exit 1")


# Other programs, and the owner's own hand


@pytest.fixture
def squatter(rough: Standing) -> Iterator[int]:
    """A port of the shop's block, behind its workers, on which a stranger listens."""
    port = max(rough.host.workers("shop")) + 2
    squat = (
        f"systemd-run -q --unit=squatter python3 -m http.server {port} --bind 127.0.0.1;"
        f" for i in $(seq 100); do ss -Hltn sport = :{port} | grep -q . && exit; sleep .1; done; exit 1"
    )
    with rough.host.meanwhile(squat, "systemctl stop squatter"):
        yield port


def test_a_program_on_a_port_of_a_sites_block_is_named_and_not_run_into(
    rough: Standing, squatter: int
):
    before = state(rough)

    told = rough.owner.types("status shop")
    said = rough.owner.tries("edit-site shop --workers 6 --yes")

    assert f"port {squatter}, kept for `shop`, is in use by `python3` (pid " in told.err
    assert 1 == said.code
    assert f"port {squatter} is in use by `python3` (pid " in said.err
    assert before == state(rough)


def test_a_worker_whose_port_was_taken_is_told_with_who_has_it(rough: Standing):
    port = min(rough.host.workers("shop"))
    squat = (
        f"systemctl stop shop@{port}.socket shop@{port}.service; systemd-run -q --unit=squatter"
        f" python3 -m http.server {port} --bind 127.0.0.1; sleep 1"
    )
    with rough.host.meanwhile(squat, "systemctl stop squatter"):
        told = rough.owner.tries("status shop")
        said = rough.owner.tries("restart shop --yes")
    rough.owner.types("restart shop --yes")

    assert (1, 1) == (told.code, said.code)
    for sentence in (told.err, said.err):
        assert (
            f"`shop@{port}` of `shop` does not run, and its port is in use by `python3`" in sentence
        )
    assert lives(rough)


def mistaken(standing: Standing) -> AbstractContextManager[None]:
    """The owner has left a mistake in nginx's configuration, in a file of their own."""
    return standing.host.meanwhile(
        f"echo 'server {{ listen 81; nonsense; }}' > {MINE}", f"rm {MINE}"
    )


@pytest.mark.parametrize(
    "line",
    [
        "edit-site shop --workers 4 --yes",
        f"domain add shop {NAME} --yes",
        "maintenance shop on --yes",
        "stop shop --yes",
        "remove-site shop --yes",
    ],
)
def test_a_mistake_of_the_owners_in_nginx_is_named_with_its_file(rough: Standing, line: str):
    with mistaken(rough):
        before = state(rough)
        said = rough.owner.tries(line)
        after = state(rough)

    assert 1 == said.code
    assert f"{MINE}:1" in said.err
    assert before == after
    assert lives(rough)


def test_a_site_is_not_added_beside_a_mistake_of_the_owners_in_nginx(rough: Standing):
    with mistaken(rough):
        said = rough.owner.tries(f"add-site blog {SHOP} --workers 1 --yes")

    assert 1 == said.code
    assert f"{MINE}:1" in said.err
    assert "blog" not in sites(rough)
    assert 0 == rough.owner.tries("plan --exit-code").code


def test_a_file_of_ours_that_is_a_mount_point_is_named_and_stays(rough: Standing):
    conf = "/etc/nginx/sites-available/shop.conf"
    with rough.host.meanwhile(f"mount --bind {conf} {conf}", f"umount {conf}"):
        before = state(rough)
        said = rough.owner.tries("edit-site shop --workers 4 --yes")
        after = state(rough)

    assert 1 == said.code
    assert f"error: `{conf}` is a mount point" in said.err
    assert before == after


# The DNS


@pytest.fixture
def without_dns(rough: Standing) -> Iterator[Standing]:
    gone = "cp /etc/resolv.conf /run/resolv; echo nameserver 127.0.0.99 > /etc/resolv.conf"
    with rough.host.meanwhile(gone, "cat /run/resolv > /etc/resolv.conf"):
        yield rough


def test_without_dns_code_is_deployed_and_a_domain_is_told_what_is_wrong(
    without_dns: Standing, changed: str
):
    owner = without_dns.owner

    deployed = owner.tries(f"deploy shop {changed} --yes")
    added = owner.tries(
        f"domain add shop {NAME} --yes --acme-directory {without_dns.host.lab.acme_directory}"
    )
    owner.types(f"domain remove shop {NAME} --yes")

    assert (0, 0) == (deployed.code, added.code)
    assert f"the DNS has no answer for `{NAME}`" in added.err
    assert "pending-dns" in added.err
    assert 0 == owner.tries("plan --exit-code").code
