"""
The outer world, on a booted server: its packages, its virtual environments, MongoDB, certificates.

The agent's modules are called on the server itself, as its core would call them.
"""

from __future__ import annotations

import json
import subprocess
import textwrap
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from cinestream_ops import lab
from cinestream_ops.state.items import digest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "requirements/tools.txt"
NAMES = ("blog.example.test", "www.blog.example.test")
# What every script on the server starts with; `tried` tells a refusal as what it says.
HEAD = """
import hashlib, json, os, pathlib, subprocess, sys, time
from cinestream_ops.agent import *
from cinestream_ops.agent import (archives, certificates, domains, examine, machine, mongodb,
    packages, pursuit, pursuits, served, trees, users, venvs)
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import paths
from cinestream_ops.state.items import *
from cinestream_ops.state.steps import PUT, REMOVE, Step
home = pathlib.Path(paths.HOME)
home.mkdir(parents=True, exist_ok=True)
blobs = {each.name: each for each in pathlib.Path("/root/blobs").iterdir()}
events = []
kit = Kit(home, lambda event, **details: events.append(details.get("text")), blobs)
def tried(do, *steps):
    try:
        do(*steps, kit)
    except Refused as error:
        return error.why
def say(*told):
    print(json.dumps(told))
"""
CONF = """
def http(*names):
    return f"server {{ listen 80; server_name {' '.join(names)}; {ACME} }}"
def tls(*names):
    files = f"/etc/letsencrypt/live/{names[0]}"
    keys = f"ssl_certificate {files}/fullchain.pem; ssl_certificate_key {files}/privkey.pem;"
    redirect = "location / { return 301 https://$host$request_uri; }"
    name = f"server_name {' '.join(names)};"
    return (f"server {{ listen 80; {name} {ACME} {redirect} }}"
        f"server {{ listen 443 ssl; {name} {keys} location / {{ return 200; }} }}")
ACME = f"location ^~ /.well-known/acme-challenge/ {{ root {paths.WEBROOT}; }}"
def certificate(*names, conf="", **more):
    words = (conf or tls(*names)).encode()
    return Certificate(names[0], names, str(CONF), words, paths.WEBROOT, **{**AT, **more})
def is_served(name):
    known = certificates.records()[NAMES[0]]
    return served.certificate(name, kit).get("fingerprint") == known["fingerprint"]
CONF = pathlib.Path("/etc/nginx/cinestream/blog/blog.conf")
"""


@dataclass(frozen=True)
class World:
    """A server with the agent's source on it."""

    lab: lab.Lab

    def ssh(self, line: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            lab.ssh_argv(self.lab, [line]),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"`{line}` said:\n{done.stdout.decode()}{done.stderr.decode()}"
        return done.stdout.decode()

    def does(self, script: str, head: str = HEAD):
        """What *script* says, run by the server's own Python."""
        text = f"{head}\n{textwrap.dedent(script)}"
        told = self.ssh("PYTHONPATH=/root/source python3 -B -", text.encode())
        return json.loads(told.splitlines()[-1])

    def with_certificates(self, script: str, **more: str):
        at = {"directory": self.lab.acme_directory, **more}
        return self.does(script, f"{HEAD}\nAT = {at!r}\nNAMES = {NAMES!r}\n{CONF}")

    def dns(self, order: str, **told: object) -> None:
        url = f"{self.lab.dns_management}/{order}"
        urllib.request.urlopen(url, json.dumps(told).encode(), timeout=5).close()


@pytest.fixture(scope="module")
def world(lab_server) -> World:
    found = World(lab_server().lab)
    argv = ["tar", "-C", str(ROOT), "--exclude=__pycache__", "-c"]
    source = ["cinestream_ops/__init__.py", "cinestream_ops/agent", "cinestream_ops/state"]
    tar = subprocess.run([*argv, *source], capture_output=True, check=True).stdout
    found.ssh("mkdir -p /root/source /root/blobs && tar -x -C /root/source", tar)
    return found


@pytest.fixture(scope="module")
def equipped(world) -> World:
    """With packages and our own tools."""
    world.ssh(f"cat > /root/blobs/{digest(TOOLS.read_bytes())}", TOOLS.read_bytes())
    refusals = world.does(f"""
        names = "nginx certbot python3-venv ssl-cert openssl".split()
        steps = [Step(PUT, Package(name)) for name in names]
        item = Venv(paths.TOOLS, "{digest(TOOLS.read_bytes())}")
        builder = Step(PUT, User(paths.BUILDER, "/nonexistent"))
        say(
            tried(packages.do_all, steps),
            tried(venvs.do, Step(PUT, item)),
            tried(users.do, builder),
        )
    """)
    assert [None, None, None] == refusals
    return world


def test_a_package_that_does_not_exist_is_named(world):
    why = world.does("""say(tried(packages.do_all, [Step(PUT, Package("no-such-thing"))]))""")[0]

    assert "could not install `no-such-thing`" in why
    assert "Unable to locate package no-such-thing" in why


def test_packages_are_there_after_one_call(equipped):
    facts = equipped.does("say(packages.look([Package('nginx')]), machine.machine()['nginx'])")

    assert {"package:nginx": {"installed": True}} == facts[0]
    assert facts[1].startswith("1.")


def test_a_user_comes_and_goes(world):
    told = world.does("""
        item = User("blog", "/var/www/blog")
        come = tried(users.do, Step(PUT, item)), users.look([item])
        gone = tried(users.do, Step(REMOVE, item)), users.look([item])
        say(come, gone)
    """)

    assert [[None, {"user:blog": {"home": "/var/www/blog"}}], [None, {"user:blog": None}]] == told


def test_a_user_that_a_power_cut_left_without_its_group_is_made_anew(world):
    world.ssh("echo 'half:x:873:873::/var/www/half:/usr/sbin/nologin' >> /etc/passwd")

    told = world.does("""
        item = User("half", "/var/www/half")
        before = users.look([item])
        stranger = tried(users.do, Step(PUT, User("half", "/srv/half")))
        why = tried(users.do, Step(PUT, item))
        names = subprocess.run(["id", "-gn", "half"], capture_output=True, text=True).stdout
        say(before, stranger, why, users.look([item]), names, users.has_group("half"))
        users.do(Step(REMOVE, item), kit)
    """)

    before, stranger, why, after, group, has_group = told
    assert ({"user:half": None}, None) == (before, why)
    assert "the account `half` is there already" in stranger
    assert ({"user:half": {"home": "/var/www/half"}}, "half\n", True) == (after, group, has_group)


def test_a_group_that_has_the_number_of_another_goes_by_itself(world):
    world.ssh("groupadd --non-unique --gid $(id -g www-data) half")

    told = world.does("""
        say(tried(users.do, Step(REMOVE, User("half", "/var/www/half"))), users.has_group("half"))
    """)

    assert [None, False] == told
    assert "www-data" == world.ssh("id -gn www-data").strip()


def test_a_venv_is_built_by_uv(equipped):
    equipped.ssh("printf 'bottle\\n' > /root/blobs/bottle")

    told = equipped.does("""
        item = Venv("/var/www/blog/venvs/1", "bottle")
        why = tried(venvs.do, Step(PUT, item))
        python = [f"{item.path}/bin/python", "-c", "import bottle; print(bottle.__cached__)"]
        compiled = subprocess.run(python, capture_output=True, text=True).stdout.strip()
        say(why, trees.look([item]), os.path.exists(compiled), os.stat(item.path).st_uid)
    """)

    assert [None, {"venv:/var/www/blog/venvs/1": {"blob": "bottle"}}, True, 0] == told


def test_requirements_that_do_not_resolve_leave_nothing(equipped):
    equipped.ssh("printf 'no-such-thing-at-all\\n' > /root/blobs/bad")

    why, left = equipped.does("""
        why = tried(venvs.do, Step(PUT, Venv("/var/www/blog/venvs/2", "bad")))
        say(why, [name for name in os.listdir("/var/www/blog/venvs") if "2" in name])
    """)

    assert "no-such-thing-at-all was not found" in why
    assert [] == left


@pytest.fixture(scope="module")
def database(equipped) -> World:
    """With a MongoDB that asks who one is, and has nobody yet."""
    archive = Path(equipped.lab.mongodb_archive)
    equipped.ssh(f"cat > /root/blobs/{equipped.lab.mongodb_sha256}", archive.read_bytes())
    refusal = equipped.does(f"""
        sha256 = "{equipped.lab.mongodb_sha256}"
        say(tried(archives.do, Step(PUT, Archive("/opt/mongodb/versions/1", sha256))))
    """)
    assert [None] == refusal
    equipped.ssh("""
        useradd --system --user-group mongodb
        mkdir -p /etc/cinestream
        install -d -o mongodb -g mongodb /opt/mongodb/data
        echo 'MONGODB_ADMIN_URI=mongodb://cinestream:s3cr%2Ft@127.0.0.1/admin' \\
            > /etc/cinestream/mongodb.env
        echo 'MONGODB_URI=mongodb://blog:pw@127.0.0.1/blog' > /root/.env
        systemd-run --quiet --unit=mongodb -p User=mongodb -p LimitMEMLOCK=infinity \\
            /opt/mongodb/versions/1/bin/mongod --dbpath /opt/mongodb/data --auth
    """)
    return equipped


MONGO = """
admin, user = MongoAdmin(paths.MONGODB_ENV), MongoUser("blog", "blog", "/root/.env")
def index(**words): return json.dumps({"collection": "films", **words})
indexes = MongoIndexes("blog", (
    index(keys=[["slug", 1]], unique=True),
    index(keys=[["where", "2dsphere"]]),
    index(keys=[["at", 1]], expire_after=60),
))
every = [admin, user, indexes]
def as_blog(statement):
    program = f"import pymongo; c = pymongo.MongoClient('mongodb://blog:pw@127.0.0.1/blog')"
    argv = [f"{paths.TOOLS}/bin/python", "-c", f"{program}\\n{statement}"]
    return subprocess.run(argv, capture_output=True, text=True)
"""


def test_a_site_reaches_its_own_database_and_no_other(database):
    refusals, facts, own, other = database.does(
        """
        refusals = [tried(mongodb.do, Step(PUT, item)) for item in every * 2]
        own = as_blog("print(sorted(c.blog.films.index_information()))").stdout
        other = as_blog("c.other.films.find_one()").stderr
        say(refusals, mongodb.look(every), own, other)
        """,
        HEAD + MONGO,
    )

    assert [None] * 6 == refusals
    assert all(facts.values())
    assert "['_id_', 'at_1', 'slug_1', 'where_2dsphere']" == own.strip()
    assert "not authorized on other" in other


def test_a_site_changes_its_collections_and_nothing_that_all_databases_share(database):
    own, shared, earlier = database.does(
        """
        tried(mongodb.do, Step(PUT, admin))
        makes = (
            "import pymongo; db = pymongo.MongoClient('mongodb://cinestream:s3cr%2Ft@127.0.0.1/admin').blog;"
            "db.command('dropAllUsersFromDatabase');"
            "db.command('createUser', 'blog', pwd='pw', roles=['readWrite', 'dbAdmin'])"
        )
        subprocess.run([f"{paths.TOOLS}/bin/python", "-c", makes], check=True)
        slow = "print(c.blog.command('profile', 0, slowms=1))"
        earlier = as_blog(slow).stdout
        for item in every: tried(mongodb.do, Step(PUT, item))
        own = [
            as_blog("c.blog.command('collMod', 'films', validator={'slug': {'$exists': True}})").stderr,
            as_blog("c.blog.validate_collection('films'); c.blog.films.rename('old')").stderr,
            as_blog("list(c.blog.old.aggregate([{'$indexStats': {}}])); c.blog.old.drop()").stderr,
            as_blog("c.drop_database('blog')").stderr,
        ]
        say(own, as_blog(slow).stderr, earlier)
        """,
        HEAD + MONGO,
    )

    assert "slowms" in earlier
    assert [""] * 4 == own
    assert "not authorized on blog" in shared


def test_undoing_a_user_drops_who_was_not_there_before(database):
    ways = database.does(
        """
        tried(mongodb.do, Step(PUT, admin))
        tried(mongodb.do, Step(REMOVE, user))
        new = [step.verb for step in mongodb.back(Step(PUT, user))]
        tried(mongodb.do, Step(PUT, user))
        say(new, [step.verb for step in mongodb.back(Step(PUT, user))])
        """,
        HEAD + MONGO,
    )

    assert [["remove"], []] == ways


def test_a_removed_database_takes_its_user_along(database):
    refusal, facts, login = database.does(
        """
        for item in every: tried(mongodb.do, Step(PUT, item))
        refusal = tried(mongodb.do, Step(REMOVE, Database("blog")))
        say(refusal, mongodb.look(every), as_blog("c.blog.films.find_one()").stderr)
        """,
        HEAD + MONGO,
    )

    assert refusal is None
    assert ["mongo-admin:/etc/cinestream/mongodb.env"] == [
        key for key, fact in facts.items() if fact
    ]
    assert "Authentication failed" in login


@pytest.fixture
def domain(equipped) -> World:
    """A site over HTTP, of which no authority has heard."""
    equipped.with_certificates("""
        subprocess.run("rm -rf /etc/letsencrypt/{live,renewal,archive} /etc/nginx/cinestream "
            f"{home}/certificates {home}/ledger.json", shell=True, executable="/bin/bash")
        CONF.parent.mkdir(parents=True)
        CONF.write_text(http(*NAMES))
        pathlib.Path(paths.WEBROOT).mkdir(exist_ok=True)
        pathlib.Path("/etc/nginx/conf.d/sites.conf").write_text(
            "include /etc/nginx/cinestream/*/*.conf;")
        subprocess.run(["systemctl", "restart", "nginx"], check=True)
        say()
    """)
    return equipped


ISSUE = """
item = certificate(*NAMES)
why = tried(certificates.do, Step(PUT, item))
record = certificates.records().get(item.lineage)
say(why, record["state"], record["names"], CONF.read_text() == http(*NAMES))
"""


@pytest.mark.parametrize(
    ("address", "answer"),
    [("10.77.0.1", "nobody answers on port 80"), ("127.0.0.9", "nobody else can reach it")],
)
def test_a_wrong_record_is_told_with_its_address(domain, address, answer):
    domain.dns("add-a", host=NAMES[1], addresses=[address])
    try:
        why, state, names, untouched = domain.with_certificates(ISSUE)
    finally:
        domain.dns("clear-a", host=NAMES[1])

    assert f"`{NAMES[1]}` leads to `{address}` (A), where {answer}" in why
    assert ("pending-dns", [], True) == (state, names, untouched)


def test_a_caa_record_that_forbids_is_told(domain):
    domain.dns("add-caa", host="example.test", policies=[{"tag": "issue", "value": ";"}])
    try:
        why, state, *_ = domain.with_certificates(ISSUE)
    finally:
        domain.dns("clear-caa", host="example.test")

    assert f'the CAA records of `{NAMES[0]}` forbid it: `0 issue ";"`' in why
    assert "pending-dns" == state


def test_an_authority_that_is_away_leaves_the_site_on_http(domain):
    away = domain.lab.acme_directory.replace(":14000", ":14999")

    why, state, names, untouched = domain.with_certificates(ISSUE, directory=away)

    assert f"the authority at `{away}` does not answer" in why
    assert ("http-only", [], True) == (state, names, untouched)


def test_the_timer_finishes_what_had_to_wait(domain):
    domain.with_certificates(ISSUE, directory=domain.lab.acme_directory + "-not")

    code, facts, status, owned, well = domain.with_certificates(
        """
        record = certificates.read(home, NAMES[0])
        order = certificates.order(certificate(*NAMES, staging=AT["directory"]))
        certificates.write(home, {**record, "next_try": 0, "order": order})
        code = pursuits.retry(home)
        curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"]
        status = subprocess.run([*curl, f"http://{NAMES[0]}/"], capture_output=True, text=True)
        owned = sorted(json.loads((home / "owned.json").read_text()))
        well = {name: is_served(name) for name in NAMES}
        say(code, certificates.look([certificate(*NAMES)]), status.stdout, owned, well)
        """
    )

    assert 0 == code
    assert {f"certificate:{NAMES[0]}": {"names": sorted(NAMES)}} == facts
    assert f"301 https://{NAMES[0]}/" == status
    assert [f"certificate:{NAMES[0]}", "file:/etc/nginx/cinestream/blog/blog.conf"] == owned
    assert dict.fromkeys(NAMES, True) == well


def test_fewer_names_are_a_new_certificate(domain):
    names = domain.with_certificates("""
        tried(certificates.do, Step(PUT, certificate(*NAMES)))
        tried(certificates.do, Step(PUT, certificate(NAMES[0])))
        say(served.shown(domains.check(NAMES[:1]), kit)[0]["served"]["names"])
    """)

    assert [[NAMES[0]]] == names


ANOTHER = """
other = f"server {{ listen 443 ssl; server_name {NAMES[1]}; include snippets/snakeoil.conf; }}"
(CONF.parent / "another.conf").write_text(other)
pursuit.BEFORE_SERVED = 2
"""


def test_a_certificate_that_is_not_served_is_switched_back(domain):
    why, state, names, untouched = domain.with_certificates(ANOTHER + ISSUE)

    assert f"`{NAMES[1]}` was not served with its certificate on `127.0.0.1`" in why
    assert ("http-only", [], True) == (state, names, untouched)


def test_a_renewal_is_taken_over_by_the_hook(domain):
    old = domain.with_certificates("""
        tried(certificates.do, Step(PUT, certificate(*NAMES)))
        say(certificates.records()[NAMES[0]]["fingerprint"])
    """)
    hook = "/etc/letsencrypt/renewal-hooks/deploy/cinestream"
    program = (
        "import sys; from cinestream_ops.agent import program; sys.exit(program.main(sys.argv))"
    )
    text = f"#!/bin/sh\nPYTHONPATH=/root/source exec python3 -B -c '{program}' renewed\n"
    domain.ssh(f"cat > {hook} && chmod 755 {hook}", text.encode())

    domain.ssh("certbot renew --force-renewal --no-random-sleep-on-renew --quiet")

    new, well, counted = domain.with_certificates("""
        well = {name: is_served(name) for name in NAMES}
        counted = len(pursuit.entries(home))
        say(certificates.records()[NAMES[0]]["fingerprint"], well, counted)
    """)
    assert old != [new]
    assert dict.fromkeys(NAMES, True) == well
    assert 2 == counted


def test_a_certificate_that_is_used_is_not_deleted(domain):
    refused, deleted, left = domain.with_certificates("""
        item = certificate(*NAMES)
        tried(certificates.do, Step(PUT, item))
        refused = tried(certificates.do, Step(REMOVE, item))
        CONF.write_text(http(*NAMES))
        deleted = tried(certificates.do, Step(REMOVE, item))
        say(refused, deleted, [certificates.records(), os.listdir("/etc/letsencrypt/renewal")])
    """)

    assert f"`{NAMES[0]}` is still used by" in refused
    assert deleted is None
    assert [{}, []] == left


def test_five_failures_an_hour_are_not_made_six(domain):
    why, wait = domain.with_certificates("""
        for _ in range(5):
            pursuit.note(home, "failed", certificate(*NAMES))
        why = tried(certificates.do, Step(PUT, certificate(*NAMES)))
        say(why, certificates.records()[NAMES[0]]["next_try"] - time.time())
    """)

    assert f"5 failed attempts for `{NAMES[0]}` within an hour" in why
    assert 3500 < wait <= 3600
