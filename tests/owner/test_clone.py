"""
A second site like a first one, made while that one serves.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.owner.conftest import SITES, Standing
from tests.owner.visitors import Visitors

PYTHON = "/usr/lib/cinestream/venv/bin/python"
# Run on the server as its root: a program with the database of a site at hand.
MONGO = """
import sys, pymongo
uri = [line for line in open(f"/var/www/{sys.argv[1]}/.env") if line.startswith("MONGODB_URI=")][0]
db = pymongo.MongoClient(uri.partition("=")[2].strip().strip("'\\"")).get_default_database()
"""
FILL = """
db.things.insert_many([{"n": n, "text": "x" * 500} for n in range(2000)])
db.things.create_index([("n", -1)], unique=True)
db.create_collection("looks", viewOn="things", pipeline=[{"$match": {"n": 1}}])
"""
TELL = """
print([sorted(map(str, db.things.find())), sorted(map(str, db.things.list_indexes())),
       list(db.looks.find())])
"""
ADMIN = """
import pymongo
text = open("/etc/cinestream/mongodb.env").read()
uri = [line for line in text.splitlines() if line.startswith("MONGODB_ADMIN_URI=")][0]
print(*pymongo.MongoClient(uri.partition("=")[2].strip("'\\"")).list_database_names())
"""


@pytest.fixture(scope="module")
def market(rough: Standing) -> Iterator[Standing]:
    """A host with the site `market`, that has documents, files and variables."""
    owner, host = rough.owner, rough.host
    source = SITES / "bottle_site"
    owner.types(
        f"add-site market --source {source} --wsgi shop:application --workers 2 "
        "--domain market.example --yes"
    )
    owner.types("env set market GREETING=hello --yes")
    owner.types("env set market --secret API_KEY --from-file - --yes", "of-the-owner\n")
    host.runs(PYTHON, "-c", MONGO + FILL, "market")
    host.sh("cd /var/www/market/data && echo kept >note && mkdir in && echo deep >in/it")
    host.sh("chown -R market: /var/www/market/data; chmod 600 /var/www/market/data/note")
    owner.types("env set market STORE=sqlite:////var/www/market/data/shop.db --yes")
    host.sh("printf 'BY_HAND=yes\nNOTES=/var/www/market/data/in\n' >>/var/www/market/.env")
    yield rough
    for site in ("market", "stage"):
        owner.tries(f"remove-site {site} --purge --yes")


def left(standing: Standing, site: str) -> list[str]:
    """All that would be half a site."""
    told = standing.host.sh(
        f"ls -d /var/www/{site} /etc/systemd/system/{site}* /etc/cinestream/sites/{site}.toml "
        f"/var/lib/cinestream/restoring/{site} /etc/nginx/sites-*/{site}.conf 2>/dev/null; "
        f"getent passwd {site}; true"
    )
    databases = standing.host.runs(PYTHON, "-c", ADMIN).split()
    return [*told.splitlines(), *(name for name in databases if name == site)]


def files(standing: Standing, site: str) -> str:
    return standing.host.sh(
        f"cd /var/www/{site}/data && find . -printf '%p %m %u %g\\n' | sed s/{site}/SITE/g | sort "
        "&& cat note in/it"
    )


def documents(standing: Standing, site: str) -> str:
    return standing.host.runs(PYTHON, "-c", MONGO + TELL, site)


def variable(standing: Standing, site: str, name: str) -> str:
    return standing.host.runs("grep", f"^{name}=", f"/var/www/{site}/.env")


def test_the_plan_says_what_is_copied_and_changes_nothing(market: Standing):
    said = market.owner.types("clone-site market stage --plan")

    assert "data of `market`" in said.out
    assert "database of `market`" in said.out
    assert "start 2 workers `stage@" in said.out
    assert "of-the-owner" not in said.out + said.err
    told = "`NOTES`, `STORE`, `/var/www/market` becomes `/var/www/stage`"
    assert told in said.err or told.replace("`NOTES`, `STORE`", "`STORE`, `NOTES`") in said.err
    assert [] == left(market, "stage")


def test_a_clone_has_all_that_the_first_has_while_that_one_serves(market: Standing):
    owner = market.owner

    with Visitors(market.host, "market.localhost") as visitors:
        owner.types("clone-site market stage --domain stage.example --workers 3 --yes")

    assert {200} == set(visitors.statuses)
    assert files(market, "market") == files(market, "stage")
    assert documents(market, "market") == documents(market, "stage")
    assert "bottle" in market.host.get("stage.localhost")[1]
    assert 3 == len(market.host.workers("stage"))
    assert 0 == owner.types("plan --exit-code").code


def test_its_keys_are_its_own_and_the_owners_are_the_same(market: Standing):
    ours = ("SECRET_KEY", "MONGODB_URI", "MONGODB_DATABASE", "SITE")
    owners = ("API_KEY", "GREETING", "BY_HAND")

    for name in ours:
        assert variable(market, "market", name) != variable(market, "stage", name)
    for name in owners:
        assert variable(market, "market", name) == variable(market, "stage", name)


def test_what_leads_into_the_home_of_the_first_leads_into_its_own(market: Standing):
    for name, path in (("STORE", "data/shop.db"), ("NOTES", "data/in")):
        assert f"/var/www/stage/{path}" in variable(market, "stage", name)
        assert f"/var/www/market/{path}" in variable(market, "market", name)


def test_it_leads_to_the_domain_that_was_named_and_to_no_other(market: Standing):
    listed = market.owner.types("domain list stage --json").data

    assert ["stage.example"] == [each["domain"] for each in listed]
    assert ["issued"] == [each["state"] for each in listed]


def test_it_can_be_deployed_and_removed_by_itself(market: Standing):
    owner = market.owner
    before = documents(market, "market")

    owner.types("deploy stage --yes")
    owner.types("remove-site stage --purge --yes")

    assert [] == left(market, "stage")
    assert before == documents(market, "market")
    assert 200 == market.host.get("market.localhost")[0]


def test_without_data_it_begins_empty(market: Standing):
    market.owner.types("clone-site market stage --without-data --yes")

    script = MONGO + "print(db.list_collection_names())"
    assert "[]" == market.host.runs(PYTHON, "-c", script, "stage")
    assert "" == market.host.runs("ls", "/var/www/stage/data")
    market.owner.types("remove-site stage --purge --yes")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("clone-site nobody stage", "there is no site `nobody`"),
        ("clone-site market shop", "there is a site `shop` already"),
        ("clone-site market market", "there is a site `market` already"),
        ("clone-site market www-data", "`www-data` is not free to be a site name"),
        ("clone-site market stage --domain market.example", "leads to `market` already"),
        ("clone-site market stage --workers 0", "less than 1"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(market: Standing, line: str, why: str):
    said = market.owner.tries(f"{line} --yes")

    assert (1, "") == (said.code, said.out)
    assert why in said.err
    assert [] == left(market, "stage")


def test_what_stands_where_it_would_be_is_never_written_over(market: Standing):
    host = market.host
    host.sh("mkdir /var/www/stage")
    home = market.owner.tries("clone-site market stage --yes")
    host.sh("rmdir /var/www/stage; useradd --system --home-dir /srv/other stage")
    account = market.owner.tries("clone-site market stage --yes")
    host.sh("userdel stage")

    assert (1, 1) == (home.code, account.code)
    assert "`/var/www/stage` is there, left by an earlier site" in home.err
    assert "the account `stage` is there already, with its home at `/srv/other`" in account.err
    assert [] == left(market, "stage")


def test_data_that_has_no_room_is_refused_before_any_of_it_is_copied(market: Standing):
    host = market.host
    # Holes take no room, so it has to be many names of one file.
    make = "cd /var/www/market/data && mkdir many && fallocate -l 1G many/0"
    host.sh(f"{make} && for n in $(seq 4096); do ln many/0 many/$n; done")

    said = market.owner.tries("clone-site market stage --yes")
    host.sh("rm -r /var/www/market/data/many")

    assert 1 == said.code
    assert "a copy of `/var/www/market` takes about 419" in said.err
    assert [] == left(market, "stage")


def test_a_release_that_was_changed_by_hand_is_not_copied(market: Standing):
    host = market.host
    host.sh("echo '# by hand' >>$(readlink -f /var/www/market/src)/shop.py")

    said = market.owner.tries("clone-site market stage --yes")
    host.sh("sed -i '$d' $(readlink -f /var/www/market/src)/shop.py")

    assert 1 == said.code
    assert "is not what was deployed any longer" in said.err
    assert [] == left(market, "stage")


def test_a_clone_that_fails_late_leaves_nothing(market: Standing):
    host = market.host
    host.sh("echo 'nonsense;' >/etc/nginx/conf.d/broken.conf")

    said = market.owner.tries("clone-site market stage --yes")
    host.sh("rm /etc/nginx/conf.d/broken.conf")

    assert 1 == said.code
    assert "nginx would not accept the new configuration" in said.err
    assert [] == left(market, "stage")
    assert 0 == market.owner.types("plan --exit-code").code


def test_a_clone_that_was_cut_off_is_begun_anew(market: Standing):
    host = market.host
    mark = "/var/lib/cinestream/restoring/stage"
    host.sh(f"mkdir -p {mark.rpartition('/')[0]} /var/www/stage/data && touch {mark}")
    host.sh("echo half >/var/www/stage/data/half")

    market.owner.types("clone-site market stage --yes --json")

    assert files(market, "market") == files(market, "stage")
    assert f"ls: cannot access '{mark}'" in host.tries("ls", mark).stderr
