"""
A site that is saved, lost, and brought back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bson
import pytest

from tests.owner.conftest import SITES, Standing

PASSPHRASE = "correct horse battery staple"
PYTHON = "/usr/lib/cinestream/venv/bin/python"
LACKING = "does not contain what `kiosk` keeps in PostgreSQL `orders` on `db.example` (`ORDERS`)"
# Run on the server as its root: a program with the database of a site at hand.
MONGO = """
import sys, pymongo
uri = [line for line in open(f"/var/www/{sys.argv[1]}/.env") if line.startswith("MONGODB_URI=")][0]
db = pymongo.MongoClient(uri.partition("=")[2].strip().strip("'\\"")).get_default_database()
"""
FILL = """
db.things.insert_many([{"n": n, "text": "x" * 500} for n in range(2000)])
db.things.create_index([("n", -1)], unique=True)
db.looks.insert_one({"_id": "one"})
"""
TELL = """
print([sorted(map(str, db.things.find())), sorted(map(str, db.things.list_indexes())),
       list(db.looks.find())])
"""


@dataclass(frozen=True)
class Saved:
    """A site that has something to lose, its backups and what opens them."""

    standing: Standing
    top: Path
    key: Path
    folder: Path

    def tries(self, line: str):
        return self.standing.owner.tries(f"{line} --passphrase-file {self.key}")

    def mongo(self, site: str, script: str) -> str:
        return self.standing.host.runs(PYTHON, "-c", MONGO + script, site)

    def secret_key(self, site: str) -> str:
        return self.standing.host.runs("grep", "^SECRET_KEY=", f"/var/www/{site}/.env")

    def left(self, site: str) -> list[str]:
        """All that would be half a site."""
        told = self.standing.host.sh(
            f"ls -d /var/www/{site} /etc/systemd/system/{site}* /etc/cinestream/sites/{site}.toml "
            f"/etc/nginx/sites-*/{site}.conf 2>/dev/null; getent passwd {site}; true"
        )
        admin = "db.client.close(); import os; "
        names = self.standing.host.runs(PYTHON, "-c", ADMIN + admin + "print(*names)")
        return [*told.splitlines(), *(name for name in names.split() if name == site)]


ADMIN = """
import pymongo
text = open("/etc/cinestream/mongodb.env").read()
uri = [line for line in text.splitlines() if line.startswith("MONGODB_ADMIN_URI=")][0]
db = pymongo.MongoClient(uri.partition("=")[2].strip("'\\"")).admin
names = db.client.list_database_names()
"""


@pytest.fixture(scope="module")
def saved(rough: Standing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saved]:
    """The site `kiosk`, with documents, files and variables, and one backup of it."""
    top, key = tmp_path_factory.mktemp("backups"), tmp_path_factory.mktemp("key") / "key"
    key.write_text(f"{PASSPHRASE}\n")
    source = SITES / "bottle_site"
    rough.owner.types(
        f"add-site kiosk --source {source} --wsgi shop:application --workers 2 "
        "--domain kiosk.example --yes"
    )
    rough.owner.types("env set kiosk GREETING=hello --yes")
    rough.owner.types("env set kiosk --secret API_KEY --from-file - --yes", "of-the-owner\n")
    made = Saved(rough, top, key, top)
    made.mongo("kiosk", FILL)
    rough.host.sh("cd /var/www/kiosk/data && echo kept >note && mkdir in && echo deep >in/it")
    rough.host.sh("chown -R kiosk: /var/www/kiosk/data; chmod 600 /var/www/kiosk/data/note")
    rough.host.sh("echo BY_HAND=yes >>/var/www/kiosk/.env")
    rough.host.sh("echo ORDERS=postgres://kiosk:hidden@db.example/orders >>/var/www/kiosk/.env")
    said = made.tries(f"backup create kiosk --to {top}")
    assert not said.code, said.err
    assert LACKING in said.err
    assert "hidden" not in said.err
    yield Saved(rough, top, key, Path(said.out.strip()))
    rough.owner.tries("remove-site kiosk --purge --yes")


def test_a_backup_is_a_folder_of_the_owners(saved: Saved):
    manifest = json.loads((saved.folder / "manifest.json").read_text())

    assert saved.top / "kiosk" == saved.folder.parent
    assert ("kiosk", "kiosk", "per collection") == (
        manifest["site"], manifest["database"], manifest["consistency"],
    )  # fmt: skip
    assert 2000 == manifest["parts"]["database/kiosk/things.bson"]["documents"]
    with (saved.folder / "database/kiosk/things.bson").open("rb") as file:
        assert set(range(2000)) == {document["n"] for document in bson.decode_file_iter(file)}


def test_no_secret_is_in_it_in_the_clear(saved: Saved):
    secret = saved.secret_key("kiosk").partition("=")[2]
    everything = b"".join(path.read_bytes() for path in saved.folder.rglob("*") if path.is_file())

    assert secret.encode() not in everything
    assert b"of-the-owner" not in everything


def test_the_release_in_it_is_the_one_that_runs(saved: Saved):
    manifest = json.loads((saved.folder / "manifest.json").read_text())
    shown = saved.standing.host.sh("grep ^release /etc/cinestream/sites/kiosk.toml")

    assert f'release = "{manifest["parts"]["source.tar"]["sha256"]}"' == shown


def test_it_is_listed(saved: Saved):
    listed = saved.standing.owner.types(f"backup list kiosk --to {saved.top} --json").data

    assert [(str(saved.folder), "kiosk", 2001)] == [
        (each["folder"], each["site"], each["documents"]) for each in listed
    ]
    assert ["without PostgreSQL `orders` on `db.example` (`ORDERS`)"] == [
        each["trouble"] for each in listed
    ]


def test_it_is_verified_on_the_server_and_nothing_stays_there(saved: Saved):
    said = saved.tries(f"backup verify {saved.folder}")

    assert (0, "") == (said.code, said.out)
    assert "is whole" in said.err
    assert LACKING in said.err
    assert "cinestream_verify" not in saved.standing.host.runs(
        PYTHON, "-c", ADMIN + "print(*names)"
    )


def test_a_collection_that_cannot_be_copied_is_named_before_anything_is(saved: Saved):
    saved.mongo("kiosk", 'db.create_collection("series", timeseries={"timeField": "at"})')

    said = saved.tries(f"backup create kiosk --to {saved.top}/other")
    saved.mongo("kiosk", "db.series.drop()")

    assert 1 == said.code
    assert "collection `series` is a timeseries" in said.err
    assert "hint: keep it in a database of its own, which `mongodump` saves" in said.err
    assert not (saved.top / "other").exists()


def test_a_backup_that_breaks_off_leaves_no_folder(saved: Saved):
    listed = "/var/www/kiosk/venv/requirements.txt"
    saved.standing.host.sh(f"mv {listed} {listed}.away")

    said = saved.tries(f"backup create kiosk --to {saved.top}/other")
    saved.standing.host.sh(f"mv {listed}.away {listed}")

    assert 1 == said.code
    assert f"{listed}: No such file or directory" in said.err
    assert [] == list((saved.top / "other/kiosk").iterdir())


@pytest.mark.parametrize("words", ["verify", "restore --as stand --yes"])
def test_a_backup_that_was_tampered_with_is_refused(saved: Saved, words: str):
    path = saved.folder / "database/kiosk/things.bson"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"xxxx", b"yyyy", 1))

    said = saved.tries(f"backup {words} {saved.folder}")
    path.write_bytes(whole)

    assert 1 == said.code
    assert f"{path}: is not what was saved" in said.err
    assert [] == saved.left("stand")


def test_a_wrong_passphrase_restores_nothing(saved: Saved):
    said = saved.standing.owner.tries(
        f"backup restore {saved.folder} --as stand --passphrase-file - --yes", "guess\n"
    )

    assert 1 == said.code
    assert "the passphrase does not open this backup" in said.err
    assert [] == saved.left("stand")


def test_a_site_that_is_there_is_not_restored_over(saved: Saved):
    said = saved.tries(f"backup restore {saved.folder} --yes")

    assert 1 == said.code
    assert "error: there is a site `kiosk` already" in said.err


def test_a_domain_that_is_taken_is_told(saved: Saved):
    said = saved.tries(f"backup restore {saved.folder} --as stand --yes")

    assert 1 == said.code
    assert "`kiosk.example` leads to `kiosk` already" in said.err
    assert [] == saved.left("stand")


def test_a_lost_site_comes_back_with_all_that_it_had(saved: Saved):
    owner, host = saved.standing.owner, saved.standing.host
    before = (saved.mongo("kiosk", TELL), saved.secret_key("kiosk"), everything(saved, "kiosk"))
    owner.types("remove-site kiosk --purge --yes")
    assert [] == saved.left("kiosk")

    said = saved.tries(f"backup restore {saved.folder} --yes")

    assert not said.code, said.err
    assert before == (
        saved.mongo("kiosk", TELL), saved.secret_key("kiosk"), everything(saved, "kiosk"),
    )  # fmt: skip
    assert "bottle" in host.get("kiosk.localhost")[1]
    assert 2 == len(host.workers("kiosk"))
    assert 0 == owner.types("plan --exit-code").code


def everything(saved: Saved, site: str) -> str:
    """Its files with their modes, and its variables but for the database's password."""
    return saved.standing.host.sh(
        f"cd /var/www/{site} && find data -printf '%p %m %u %g\\n' | sort && "
        "cat data/note data/in/it && grep -v MONGODB_URI .env | sort"
    )


def test_what_a_removed_site_left_is_not_overwritten(saved: Saved):
    owner = saved.standing.owner
    owner.types("remove-site kiosk --yes")

    said = saved.tries(f"backup restore {saved.folder} --yes")
    restored = saved.tries(f"backup restore {saved.folder} --as stand --yes")

    assert 1 == said.code
    assert "`/var/www/kiosk` is there, left by an earlier site" in said.err
    assert not restored.code, restored.err
    assert saved.mongo("kiosk", TELL) == saved.mongo("stand", TELL)
    assert saved.secret_key("kiosk") == saved.secret_key("stand")


def test_a_restore_that_fails_late_leaves_nothing(saved: Saved):
    owner, host = saved.standing.owner, saved.standing.host
    owner.types("remove-site stand --purge --yes")
    host.sh("echo 'nonsense;' >/etc/nginx/conf.d/broken.conf")

    said = saved.tries(f"backup restore {saved.folder} --as stand --yes")
    host.sh("rm /etc/nginx/conf.d/broken.conf")

    assert 1 == said.code
    assert "nginx would not accept the new configuration" in said.err
    assert [] == saved.left("stand")
    assert 0 == owner.types("plan --exit-code").code


def test_a_restore_that_was_cut_off_is_begun_anew(saved: Saved):
    """A mark says so; but what a site of that name left is not ours to remove."""
    owner, host = saved.standing.owner, saved.standing.host
    mark = "/var/lib/cinestream/restoring/stand"
    host.sh(f"mkdir -p {mark.rpartition('/')[0]} /var/www/stand/data && touch {mark}")
    host.sh("echo half >/var/www/stand/data/half")

    restored = saved.tries(f"backup restore {saved.folder} --as stand --yes")
    names = host.sh(f"ls /var/www/stand/data; ls {mark} 2>/dev/null || true")
    owner.types("remove-site stand --yes")
    host.sh(f"touch {mark}")
    again = saved.tries(f"backup restore {saved.folder} --as stand --yes")

    assert not restored.code, restored.err
    assert ["in", "note"] == names.splitlines()
    assert 1 == again.code
    assert "`/var/www/stand` is there, left by an earlier site" in again.err


def test_old_backups_are_pruned(saved: Saved):
    owner = saved.standing.owner
    later = [
        Path(saved.tries(f"backup create shop --to {saved.top}").out.strip()) for _ in range(2)
    ]

    owner.types(f"backup prune shop --to {saved.top} --keep 1 --yes")

    listed = owner.types(f"backup list --to {saved.top} --json").data
    assert [str(saved.folder), str(later[1])] == [each["folder"] for each in listed]
