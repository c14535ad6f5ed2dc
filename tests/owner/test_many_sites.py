"""
A server of 500 sites: each command tells of all of them, and one is changed as among three.

Nothing runs of most, as of sites that are stopped: what 500 sites cost by being there is seen all
the same, in files, units, names that nginx knows, and words that cross the wire.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cinestream_ops import lab
from tests.owner.asking import asking
from tests.owner.conftest import RUN, SITES, Standing, set_up
from tests.owner.owner import Host, Owner, Said

pytestmark = pytest.mark.torture

MANY, BLOCK = 500, 30
SHOP = f"--source {SITES / 'bottle_site'} --wsgi shop:application"
SPEC = """
port = {port}
reserve = {block}
workers = 1
source = "/srv/{name}"
wsgi = "shop:application"
stopped = true
database = false
"""
LAST = "site499"
NAMES = {"shop", *(f"site{number:03}" for number in range(MANY))}
# What an owner may be told, and the agent be asked, of each site that a command is not about: bytes.
OF_EACH = 2000


@dataclass(frozen=True)
class Street:
    """The server with all of them, and the bytes that commands took while one stood alone."""

    owner: Owner
    host: Host
    alone: dict[str, int]


@pytest.fixture(scope="module")
def street(stranger: Owner) -> Iterator[Street]:
    shop = f"add-site shop {SHOP} --workers 3 --no-database --yes"
    for standing in set_up(stranger, f"own-many-{RUN}", "bookworm", shop):
        alone = {line: crossed(standing, line)[0] for line in ("status", edited(4), edited(3))}
        standing.host.tries("tar", "-C", "/etc/cinestream", "-x", told=specs())
        standing.owner.types("apply --yes")
        yield Street(standing.owner, standing.host, alone)


def edited(workers: int) -> str:
    return f"edit-site shop --workers {workers} --yes"


def specs() -> bytes:
    """As somebody has written them by hand, or another program has."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for number in range(MANY):
            name, port = f"site{number:03}", 8101 + BLOCK * number
            text = SPEC.format(name=name, port=port, block=BLOCK).encode()
            told = tarfile.TarInfo(f"sites/{name}.toml")
            told.size, told.mode = len(text), 0o600
            archive.addfile(told, io.BytesIO(text))
    return packed.getvalue()


def crossed(at: Standing | Street, line: str) -> tuple[int, Said]:
    """The bytes that the command in *line* sent and got, and what it said."""
    before = traffic(at.host)
    said = at.owner.types(line)
    return traffic(at.host) - before, said


def traffic(host: Host) -> int:
    return int(
        host.sh("awk '{all += $1} END {print all}' /sys/class/net/[!l]*/statistics/[rt]x_bytes")
    )


def test_there_is_nothing_left_to_do(street: Street):
    assert 0 == street.owner.tries("plan --exit-code").code
    assert 0 == street.owner.tries("apply --yes").code


def test_each_command_tells_of_all_of_them(street: Street):
    listed = street.owner.types("sites --json").data
    standing = street.owner.types("status --json").data
    table = street.owner.types("status").out.splitlines()

    assert NAMES == {each["name"] for each in listed} == {each["name"] for each in standing}
    assert [3] == [len(each["workers"]) for each in standing if each["name"] == "shop"]
    assert not [each for site in standing for each in site["trouble"]]
    assert len(NAMES) == len(table) - 1
    assert all(len(row) < 100 for row in table)
    assert [] == street.owner.types("domain list --json").data
    assert LAST == street.owner.types(f"show {LAST} --json").data["name"]


def test_the_doctor_finds_nothing_in_them(street: Street):
    said = street.owner.types("doctor")

    assert not [name for name in NAMES if f"`{name}`" in said.err + said.out]


def test_who_names_none_of_them_is_not_told_all_their_names(street: Street):
    said = street.owner.tries("show nobody-knows-it")

    assert 1 == said.code
    assert "and 493 more" in said.err
    assert len(said.err) < 400


@pytest.mark.parametrize("line", ["status", edited(4), edited(3)])
def test_a_command_takes_a_few_bytes_more_for_each(street: Street, line: str):
    took, _ = crossed(street, line)

    assert took < street.alone[line] + OF_EACH * MANY


def test_while_one_is_changed_its_visitors_notice_nothing(street: Street):
    with asking(street.host, "shop.localhost") as asked:
        for workers in (5, 3):
            street.owner.types(edited(workers))

    assert {200} == asked.statuses


def test_nginx_answers_for_each_of_them_after_each_reload(street: Street):
    for workers in (4, 3, 4, 3):
        street.owner.types(edited(workers))

    answers = {street.host.get(f"{name}.localhost")[0] for name in ("site000", "site250", LAST)}
    assert {503} == answers
    assert 200 == street.host.get("shop.localhost")[0]
    assert "16384" in street.host.sh("grep 'open files' /proc/$(cat /run/nginx.pid)/limits")
    assert "Too many open files" not in street.host.runs("cat", "/var/log/nginx/error.log")


def test_the_server_boots_with_them(street: Street):
    name = street.host.lab.name
    lab.power_cut(name)
    lab.boot(name)
    street.host.sh(
        "for i in $(seq 300); do curl -sf -H 'Host: shop.localhost' 127.0.0.1 && exit; sleep .2; done"
    )

    assert 503 == street.host.get(f"{LAST}.localhost")[0]
    assert 0 == street.owner.tries("plan --exit-code").code
