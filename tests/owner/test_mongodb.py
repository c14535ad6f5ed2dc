"""
Databases: an archive that is not what it should be, and a server of somebody else's.
"""

from __future__ import annotations

import signal
import ssl
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pymongo
import pytest
from pymongo.errors import OperationFailure

from cinestream_ops import lab
from tests.owner.conftest import Standing, gone
from tests.owner.owner import Host, Owner

ENV = "/etc/cinestream/mongodb.env"
NAME = "own-mongo"
# How it is away, what is said of it, and what brings it back: by what `status` advises, at that.
AWAY = {
    "systemctl stop mongodb": "does not run: `mongodb.service` is inactive",
    "kill -STOP $(systemctl show -p MainPID --value mongodb)": "runs, but does not answer: timed out",
}
BACK = (
    "systemctl restart mongodb;"
    " for i in $(seq 100); do curl -s -m 2 -o /dev/null 127.0.0.1:27017 && exit; sleep .2; done; exit 1"
)
TRUSTED = "/usr/local/share/ca-certificates/publisher.crt"


@pytest.fixture(scope="module")
def booted(stranger: Owner) -> Iterator[Standing]:
    """A bare server that nobody has set up."""
    gone(NAME)
    stranger.types(f"lab up {NAME}")
    with ExitStack() as stack:
        stack.callback(gone, NAME)
        yield Standing(replace(stranger, server=NAME), Host(lab.find(NAME)))


@pytest.fixture(scope="module")
def mongod(
    booted: Standing, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[subprocess.Popen[bytes]]:
    """A MongoDB on another host: the other end of the lab's network."""
    home = tmp_path_factory.mktemp("mongod")
    with tarfile.open(booted.host.lab.mongodb_archive) as archive:
        archive.extractall(home, filter="data")
    started = subprocess.Popen(
        [next(home.glob("*/bin/mongod")), "--auth", "--dbpath", home, "--port", "27117",
         "--bind_ip", f"127.0.0.1,{other_end(booted)}"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield started
    finally:
        started.terminate()
        started.wait(30)


@pytest.fixture(scope="module")
def elsewhere(booted: Standing, mongod: subprocess.Popen[bytes]) -> str:
    """The URI of its administrator."""
    with pymongo.MongoClient("mongodb://127.0.0.1:27117") as client:
        client.admin.command("createUser", "boss", pwd="s3cret-boss", roles=["root"])
    return f"mongodb://boss:s3cret-boss@{other_end(booted)}:27117/admin"


def other_end(booted: Standing) -> str:
    return booted.host.lab.address.rpartition(".")[0] + ".1"


@pytest.fixture
def published(booted: Standing, tmp_path: Path) -> Iterator[str]:
    """The archive's address on a web server that the host trusts, at its network's other end."""
    address = other_end(booted)
    pem = tmp_path / "publisher.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=publisher", "-addext", f"subjectAltName=IP:{address}",
         "-keyout", pem, "-out", tmp_path / "publisher.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    crt = (tmp_path / "publisher.crt").read_bytes()
    with pem.open("ab") as both:
        both.write(crt)
    booted.host.tries("sh", "-c", f"cat >{TRUSTED} && update-ca-certificates", told=crt)
    archive = Path(booted.host.lab.mongodb_archive)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with ThreadingHTTPServer(
        (address, 0), partial(SimpleHTTPRequestHandler, directory=archive.parent)
    ) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://{address}:{server.server_port}/{archive.name}"
        server.shutdown()


def test_an_archive_with_another_digest_is_not_unpacked(booted: Standing):
    said = booted.owner.tries(f"setup --mongodb-sha256 {'0' * 64} --yes")

    assert 1 == said.code
    assert booted.host.lab.mongodb_sha256 in said.err
    assert booted.host.tries("ls", "/opt/mongodb/versions/*").returncode


def test_a_site_lives_on_a_database_elsewhere(booted: Standing, elsewhere: str):
    uri = booted.owner.home / "uri"
    uri.write_text(elsewhere + "\n")

    said = booted.owner.types(f"setup --mongodb external --mongo-uri-file {uri} --yes")
    booted.owner.types("add-site movie_app --workers 2 --yes")

    assert "s3cret-boss" not in said.err + said.out
    assert all(each["ready"] for each in booted.owner.types("status --json").data[0]["workers"])
    assert booted.host.tries("systemctl", "cat", "mongodb.service").returncode
    assert "Київ" in booted.host.get("movie-app.localhost", "/?lang=ua", "--location")[1]


def test_a_site_elsewhere_reaches_its_own_database_alone(booted: Standing, elsewhere: str):
    env = booted.host.sh("grep ^MONGODB_URI= /var/www/movie_app/.env")
    with pymongo.MongoClient(env.partition("=")[2].strip("'\"")) as client:
        assert client.movie_app.locations.count_documents({})

        with pytest.raises(OperationFailure):
            client.other.things.find_one()


@pytest.mark.parametrize("mode", ["archive", "none"])
def test_a_server_does_not_leave_the_databases_of_its_sites_behind(booted: Standing, mode: str):
    said = booted.owner.tries(f"setup --mongodb {mode} --yes")

    assert 1 == said.code
    assert "the databases of `movie_app` are in the MongoDB that is there, `external`" in said.err
    assert 0 == booted.owner.tries("plan --exit-code").code


def test_that_one_elsewhere_does_not_answer_is_what_ails_a_site(
    booted: Standing, mongod: subprocess.Popen[bytes], elsewhere: str
):
    mongod.send_signal(signal.SIGSTOP)
    try:
        said = booted.owner.tries("status")
    finally:
        mongod.send_signal(signal.SIGCONT)

    assert 1 == said.code
    assert "error: MongoDB, which runs elsewhere, does not answer: " in said.err
    assert f"{other_end(booted)}:27117" in said.err
    assert "s3cret-boss" not in said.err + said.out


def test_a_purged_site_takes_its_database_and_no_other(booted: Standing, elsewhere: str):
    booted.owner.types("remove-site movie_app --purge --yes")

    with pymongo.MongoClient(elsewhere) as client:
        assert "movie_app" not in client.list_database_names()
        assert not client.movie_app.command("usersInfo")["users"]


def test_an_archive_is_fetched_by_the_server_itself(booted: Standing, published: str):
    digest = booted.host.lab.mongodb_sha256
    asked = f"setup --mongodb archive --mongodb-archive {published} --yes --mongodb-sha256"

    refused = booted.owner.tries(f"{asked} {'0' * 64}")
    booted.owner.types(f"{asked} {digest}")

    assert 1 == refused.code
    assert f"`{published}` is not the archive that was asked for" in refused.err
    assert "active" == booted.host.runs("systemctl", "is-active", "mongodb.service")
    assert "" == booted.owner.types("plan --exit-code --json").err.replace("\n", "")
    assert "elsewhere" not in booted.host.sh(f"cat {ENV}").lower()


def test_our_own_is_known_again_after_a_time_elsewhere(booted: Standing, elsewhere: str):
    uri = booted.owner.home / "uri"
    uri.write_text(elsewhere + "\n")
    ours = booted.host.sh(f"grep ^MONGODB_ADMIN_URI= {ENV}")

    booted.owner.types(f"setup --mongodb external --mongo-uri-file {uri} --yes")
    booted.owner.types("setup --mongodb archive --yes")

    assert ours == booted.host.sh(f"grep ^MONGODB_ADMIN_URI= {ENV}")
    assert 0 == booted.owner.tries("plan --exit-code").code


@pytest.fixture(scope="module")
def cinema(rough: Standing) -> Iterator[Standing]:
    """A site that cannot serve without its database, beside one that can."""
    rough.owner.types("add-site movie_app --workers 2 --yes")
    yield rough
    rough.owner.types("remove-site movie_app --purge --yes")


@pytest.mark.parametrize("how", AWAY)
def test_status_names_a_mongodb_that_is_away_once_and_first(cinema: Standing, how: str):
    with cinema.host.meanwhile(how, BACK):
        said = cinema.owner.tries("status")
        sites = {each["name"]: each for each in cinema.owner.tries("status --json").data}
        doctor = cinema.owner.tries("doctor")

    first = (
        f"error: MongoDB on this server {AWAY[how]}\nhint: on the server, `journalctl -u mongodb`"
    )
    assert (1, 1) == (said.code, doctor.code)
    assert said.err.startswith(first)
    assert 1 == said.err.count("MongoDB") == doctor.out.count("MongoDB on this server")
    assert "movie_app@" in said.err
    assert ["warn"] == [each["level"] for each in sites["shop"]["trouble"]]
    assert AWAY[how] == sites["movie_app"]["mongodb"]["why"]


def test_what_was_advised_brings_the_sites_back(cinema: Standing):
    cinema.host.sh(
        "port=$(systemctl list-units --plain --no-legend 'movie_app@*.service' | grep -o '@[0-9]*' | head -1);"
        " for i in $(seq 50); do curl -sf -m 4 127.0.0.1:${port#@}/readyz && exit; sleep .2; done; exit 1"
    )

    said = cinema.owner.tries("status")

    assert (0, "") == (said.code, said.err)
