"""
A site that is called otherwise while people use it.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from socket import create_connection
from threading import Event, Thread
from typing import Self

import pytest

from tests.owner.conftest import SITES, Standing
from tests.owner.test_clone import ADMIN, MONGO, PYTHON
from tests.owner.visitors import Visitors
from tests.torture import command, state
from tests.torture.fault import Fault
from tests.torture.prober import Prober

DOMAIN = "book.example"
COUNT = "print(db.name, db.entries.count_documents({}))"


@pytest.fixture(scope="module")
def library(rough: Standing) -> Iterator[Standing]:
    """A host with the site `book`, which writes down who asks."""
    source = SITES / "ledger_site"
    rough.owner.types(
        f"add-site book --source {source} --wsgi ledger:application --workers 2 "
        f"--domain {DOMAIN} --yes"
    )
    yield rough
    for site in ("book", "tome"):
        rough.owner.tries(f"remove-site {site} --purge --yes")


class Writers:
    """People who write into the site, each entry once, and remember what was not answered."""

    def __init__(self, standing: Standing) -> None:
        lab = standing.host.lab
        self.address, self.tls = lab.address, ssl.create_default_context(cafile=lab.acme_root)
        self.run_of = secrets.token_hex(4)
        self.written: list[str] = []
        self.failures: list[str] = []
        self._stopped = Event()
        self._threads = [Thread(target=self.run, args=(name,)) for name in "abc"]

    def run(self, name: str) -> None:
        number = 0
        while not self._stopped.wait(0.02):
            number += 1
            entry = f"{self.run_of}-{name}-{number}"
            came = asked(self, "POST", f"/write?n={entry}")
            (self.written if came == (200, entry) else self.failures).append(f"{entry}: {came}")

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def asked(visitor: Writers, method: str, path: str) -> tuple[int, str] | str:
    """Status and body of what *visitor* asks of the domain by TLS, or why there was no answer."""
    try:
        with entered(visitor) as connection:
            return told(connection, method, path)
    except (OSError, HTTPException) as error:
        return repr(error)


@contextmanager
def entered(visitor: Writers) -> Iterator[HTTPConnection]:
    """Nginx has let *visitor* in, who has not asked for anything yet."""
    connection = HTTPConnection(DOMAIN)
    try:
        plain = create_connection((visitor.address, 443), 20)
        connection.sock = visitor.tls.wrap_socket(plain, server_hostname=DOMAIN)
        yield connection
    finally:
        connection.close()


def told(connection: HTTPConnection, method: str, path: str) -> tuple[int, str]:
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def lines(standing: Standing, site: str) -> int:
    return int(standing.host.sh(f"wc -l </var/www/{site}/data/entries"))


def documents(standing: Standing, site: str) -> str:
    return standing.host.runs(PYTHON, "-c", MONGO + COUNT, site)


def traces(standing: Standing, site: str) -> list[str]:
    """All that is still called *site*, but for its domain, certificate, database and old logs."""
    host = standing.host
    # A slice without units is no more than a line in the listings of systemd.
    told = host.sh(
        f"find /etc /var/www /var/lib/cinestream -regextype egrep "
        f"-regex '.*/(cinestream-)?{site}([.@-][^/]*)?' -not -name '*{DOMAIN}*'; "
        f"getent passwd {site}; getent group {site}; "
        f"systemctl list-units --all --plain --no-legend '{site}*'; "
        f"grep -rlE '{site}([^.a-z]|$)' /etc/nginx /etc/systemd /etc/cinestream/nft; true"
    )
    owned = host.sh(f'grep -c \'"site": "{site}"\' /var/lib/cinestream/owned.json; true')
    users = host.runs(PYTHON, "-c", USERS)
    return [
        *told.splitlines(),
        *(["owned.json"] if owned != "0" else []),
        *(user for user in users.split() if user == site),
    ]


USERS = """
import pymongo
text = open("/etc/cinestream/mongodb.env").read()
uri = [line for line in text.splitlines() if line.startswith("MONGODB_ADMIN_URI=")][0]
admin = pymongo.MongoClient(uri.partition("=")[2].strip("'\\"")).admin
print(*(each["user"] for each in admin.command({"usersInfo": {"forAllDBs": True}})["users"]))
"""


def ports(standing: Standing) -> set[str]:
    told = standing.host.sh("ss -Hltn | awk '{print $4}'")
    return set(told.split())


def test_the_plan_says_what_becomes_of_it_and_changes_nothing(library: Standing):
    before = state.of(library.host)

    said = library.owner.types("rename-site book tome --plan")

    assert "hand over the data and the user id of `book` to `tome`" in said.out
    assert "remove MongoDB user `book`" in said.out
    assert "MongoDB database" not in said.out
    assert before == state.of(library.host)


def test_a_site_gets_another_name_and_nobody_notices(library: Standing):
    owner, lab = library.owner, library.host.lab
    held = {f"127.0.0.1:{port}" for port in library.host.workers("book")}
    library.host.sh("echo STORE=sqlite:////var/www/book/data/x.db >>/var/www/book/.env")

    with (
        Prober(lab, DOMAIN) as prober,
        Visitors(library.host, "shop.localhost") as visitors,
        Writers(library) as writers,
    ):
        session = asked(writers, "GET", "/session")
        said = owner.types("rename-site book tome --yes")
        after = asked(writers, "GET", "/session")

    assert "In `STORE`, `/var/www/book` becomes `/var/www/tome`" in said.err
    assert "STORE=sqlite:////var/www/tome/data/x.db" in library.host.sh("cat /var/www/tome/.env")
    assert "Done: rename-site book tome" in said.err
    assert ([], []) == (prober.failures, writers.failures)
    assert {200} == set(visitors.statuses)
    assert session == after
    assert len(writers.written) == lines(library, "tome")
    assert f"book {len(writers.written)}" == documents(library, "tome")
    assert not held & ports(library)
    assert 2 == len(library.host.workers("tome"))


def test_nothing_goes_by_the_old_name_any_more(library: Standing):
    assert [] == traces(library, "book")


def test_everything_is_as_the_spec_says_and_as_we_left_it(library: Standing):
    owner = library.owner

    told = owner.types("plan --exit-code --json").data
    listed = owner.types("domain list tome --json").data
    history = owner.types("history --json").data

    assert ([], []) == (told["phases"], told["warnings"])
    assert [("tome", "issued")] == [(each["site"], each["state"]) for each in listed]
    assert "rename-site book tome" == history[-1]["doing"]
    assert 'database = "book"' in library.host.sh("cat /etc/cinestream/sites/tome.toml")
    facts = library.host.sh("grep '\"owner\"' /var/lib/cinestream/owned.json | sort -u")
    assert '"tome"' in facts
    assert '"book"' not in facts


def test_its_database_keeps_others_from_its_name(library: Standing):
    added = library.owner.tries("add-site book --yes --plan")
    cloned = library.owner.tries("clone-site tome book --yes")

    for said in (added, cloned):
        assert 1 == said.code
        assert "the MongoDB database `book` is that of `tome` already" in said.err


def test_the_same_changes_as_before_can_be_made_to_it(library: Standing):
    owner = library.owner

    owner.types("edit-site tome --workers 3 --yes")
    owner.types("deploy tome --yes")
    owner.types("stop tome --yes")
    owner.types("rename-site tome book --yes")
    stopped = asked(Writers(library), "GET", "/")
    owner.types("start book --yes")

    assert 503 == stopped[0]
    assert (200, "the ledger") == asked(Writers(library), "GET", "/")
    assert "database = true" in library.host.sh("cat /etc/cinestream/sites/book.toml")
    assert [] == traces(library, "tome")
    assert 0 == owner.types("plan --exit-code").code


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("rename-site nobody tome", "there is no site `nobody`"),
        ("rename-site book book", "`book` is its name already"),
        ("rename-site book shop", "`shop` is the name of another site"),
        ("rename-site book root", "`root` is not free to be a site name"),
        ("rename-site book A", "`A` is not a site name"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(library: Standing, line: str, why: str):
    said = library.owner.tries(f"{line} --yes")

    assert (1, "") == (said.code, said.out)
    assert why in said.err


@pytest.mark.parametrize(
    ("made", "undone", "why"),
    [
        ("mkdir -p /var/www/tome/data", "rm -r /var/www/tome", "left by an earlier site"),
        (
            "useradd --system --home-dir /srv/other tome",
            "userdel tome",
            "the account `tome` is there already",
        ),
        ("touch /var/www/book/by-hand", "rm /var/www/book/by-hand", "would be lost"),
    ],
)
def test_what_stands_in_its_way_is_left_alone(library: Standing, made: str, undone: str, why: str):
    library.host.sh(made)
    before = state.of(library.host)

    said = library.owner.tries("rename-site book tome --yes")
    after = state.of(library.host)
    library.host.sh(undone)

    assert 1 == said.code
    assert why in said.err
    assert before == after


def test_a_worker_that_does_not_become_ready_leaves_the_old_name(library: Standing):
    before, entries = state.of(library.host), lines(library, "book")
    drop = "/run/systemd/system/tome@.service.d"
    text = "[Service]\\nExecStart=\\nExecStart=/bin/false\\n"
    library.host.sh(f"mkdir -p {drop}; printf '{text}' >{drop}/no.conf")

    with Prober(library.host.lab, DOMAIN) as prober, Writers(library) as writers:
        said = library.owner.tries("rename-site book tome --yes")
    library.host.sh(f"rm -r {drop}; systemctl daemon-reload")

    assert 1 == said.code
    assert "did not start" in said.err
    assert ([], []) == (prober.failures, writers.failures)
    assert entries + len(writers.written) == lines(library, "book")
    assert_old(library, before)


def assert_old(library: Standing, before: state.State) -> None:
    now = state.of(library.host)
    assert [] == list(state.differences(now.kept, before.kept))
    assert 0 == library.owner.types("plan --exit-code").code


@pytest.mark.parametrize(
    "moment",
    [
        "prepare put user:tome 1",
        "change put heir:tome 1",
        "change put mongo-user:tome 1",
        "change put unit:tome.target 1",
        "change put gate:nginx 1",
        "change remove file:/etc/cinestream/sites/book.toml 1",
    ],
)
def test_an_agent_that_is_killed_leaves_the_old_name(library: Standing, moment: str):
    before, entries = state.of(library.host), lines(library, "book")

    with Prober(library.host.lab, DOMAIN) as prober, Writers(library) as writers:
        fault = Fault("agent", library.host.lab.name, name=moment)
        ended = command.run(library.owner, "rename-site book tome --yes", fault)
        library.owner.tries("status")

    assert moment == ended.moment, ended.told
    assert ([], []) == (prober.failures, writers.failures)
    assert entries + len(writers.written) == lines(library, "book")
    assert_old(library, before)


def test_who_was_let_in_under_the_new_name_is_served_though_it_is_undone(library: Standing):
    moment = "change put gate:nginx 1"
    fault = Fault("agent", library.host.lab.name, name=moment)
    ended = command.run(library.owner, "rename-site book tome --yes", fault)

    with entered(Writers(library)) as connection:
        undoing = Thread(target=library.owner.tries, args=("status",))
        undoing.start()
        undoing.join(10)  # seconds, in which it has ended if it waits for nobody
        answer = told(connection, "POST", "/write?n=late")
    undoing.join()

    assert moment == ended.moment, ended.told
    assert (200, "late") == answer


def test_after_all_that_the_new_name_can_still_be_had(library: Standing):
    library.owner.types("rename-site book tome --yes")

    assert (200, "the ledger") == asked(Writers(library), "GET", "/")
    assert [] == traces(library, "book")


def test_purged_it_takes_its_database_along(library: Standing):
    library.owner.types("remove-site tome --purge --yes")

    assert "book" not in library.host.runs(PYTHON, "-c", ADMIN).split()
    assert [] == traces(library, "tome")
