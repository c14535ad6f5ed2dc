"""
Which site comes out of a backup.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cinestream_ops.agent.backup_shelf import Directory
from cinestream_ops.engine import backups_restoring
from cinestream_ops.engine.backups_folder import Stored
from cinestream_ops.engine.looking import Found
from cinestream_ops.errors import BadSpec, OpsError
from cinestream_ops.spec import toml
from cinestream_ops.spec.backup import Manifest
from cinestream_ops.spec.house import House
from cinestream_ops.state.facts import Facts, Machine
from cinestream_ops.state.items import digest
from tests.backup.backup import stated

SPEC = """\
port = 8001
workers = 3
domains = ["shop.example"]
release = "{release}"
requirements = "{release}"
"""
OLD, NEW = "0" * 64, "1" * 64
PARTS = {name: {"size": 1, "sha256": NEW} for name in ("source.tar", "requirements.txt")}
WRITTEN = SPEC.format(release=OLD)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site.toml").write_text(WRITTEN)
    return tmp_path


@pytest.fixture
def manifest() -> Manifest:
    return manifest_of(WRITTEN)


def manifest_of(spec: str) -> Manifest:
    told = stated(
        parts={**PARTS, "site.toml": {"size": len(spec), "sha256": digest(spec.encode())}}
    )
    del told["documents"]
    return Manifest.model_validate(told)


def found(listeners: tuple[int, ...] = (), mongodb: str = "none", **ports: int) -> Found:
    """A server with a site on each of these *ports*."""
    server = {"mode": "archive", "sha256": OLD, "url": "https://mongodb.example/archive.tgz"}
    house = House(toml.server({"mongodb": server if mongodb != "none" else {"mode": "none"}}))
    for name, port in ports.items():
        house = house.with_site(toml.site(name, {"port": port, "workers": 3}))
    return Found(house, Facts(Machine(), {}, {}, listeners=listeners))


def site(folder: Path, manifest: Manifest, server: Found, name: str = "shop") -> Any:
    return backups_restoring.site_of(Stored(Directory(folder)), manifest, name, server)


def test_it_is_what_was_saved(folder, manifest):
    back = site(folder, manifest, found(mongodb="archive"))

    assert ("shop", 8001, 3, ("shop.example",)) == (back.name, back.port, back.workers, back.names)


def test_its_code_is_what_is_in_the_backup(folder, manifest):
    back = site(folder, manifest, found(mongodb="archive"))

    assert (NEW, NEW) == (back.release, back.requirements)


def test_ports_of_another_site_are_passed_over(folder, manifest):
    assert 8101 == site(folder, manifest, found(mongodb="archive", blog=8001)).port


def test_so_are_ports_of_another_program(folder, manifest):
    assert 8101 == site(folder, manifest, found((8002,), mongodb="archive")).port


def test_a_name_that_is_taken_is_refused(folder, manifest):
    with pytest.raises(OpsError, match="there is a site `shop` already") as caught:
        site(folder, manifest, found(mongodb="archive", shop=8001))

    assert "--as NAME" in caught.value.hint


def test_another_name_is_free(folder, manifest):
    assert "kiosk" == site(folder, manifest, found(mongodb="archive", shop=8001), "kiosk").name


def test_a_database_needs_a_server_that_has_them(folder, manifest):
    with pytest.raises(OpsError, match="this server has no MongoDB"):
        site(folder, manifest, found())


def test_a_server_that_is_too_small_is_told(manifest):
    small = replace(found().facts, machine=Machine(disk_free=manifest.size))
    large = replace(found().facts, machine=Machine(disk_free=2 * manifest.size))

    with pytest.raises(OpsError, match="and the server has 0 MiB free"):
        backups_restoring.refuse_small_server(manifest, Found(House(), small))
    backups_restoring.refuse_small_server(manifest, Found(House(), large))


def test_a_spec_that_is_none_is_told(folder):
    (folder / "site.toml").write_text("workers = many\n")

    with pytest.raises(BadSpec, match=r"site.toml: is not TOML"):
        site(folder, manifest_of("workers = many\n"), found(mongodb="archive"))


def test_a_spec_that_reads_otherwise_the_second_time_is_refused(folder, manifest):
    (folder / "site.toml").write_text("port = 8001\n")

    with pytest.raises(BadSpec, match=r"site.toml: is not what was saved"):
        site(folder, manifest, found(mongodb="archive"))


OLD_ENV = """\
SITE=shop
# Secrets: never shown
SECRET_KEY=abc
BY_HAND='two words'
MONGODB_URI=mongodb://shop:pw@127.0.0.1:27017/shop
"""


def test_of_an_old_env_all_comes_back_but_the_way_to_the_database():
    kept = backups_restoring.env_for(toml.site("shop", {"port": 8001}), OLD_ENV)

    assert "SITE=shop\nSECRET_KEY=abc\nBY_HAND='two words'\n" == kept


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("LD_PRELOAD=/var/www/shop/data/evil.so", "`LD_PRELOAD`"),
        ("export PATH=/var/www/shop/data", "`PATH`"),
        ("BASH_ENV='/x'\nGCONV_PATH=/x\nNODE_OPTIONS=--require=/x", "`BASH_ENV`, `GCONV_PATH`, `NODE_OPTIONS`"),
        ("A=x\rLD_AUDIT=/var/www/shop/data/evil.so", "`LD_AUDIT`"),
        ("# a comment that goes on \\\nPYTHONHOME=/x", "`PYTHONHOME`"),
    ],
)  # fmt: skip
def test_an_env_that_says_which_program_runs_is_refused(line, named):
    shop = toml.site("shop", {"port": 8001})

    with pytest.raises(OpsError, match=f"decides which program runs: it sets {named}$"):
        backups_restoring.env_for(shop, f"{OLD_ENV}{line}\n")


def test_a_spec_that_says_which_program_runs_is_refused():
    shop = toml.site("shop", {"port": 8001, "env": {"NODE_OPTIONS": "--require=/x"}})

    with pytest.raises(OpsError, match="it sets `NODE_OPTIONS`"):
        backups_restoring.env_for(shop, OLD_ENV)


def test_the_owner_may_leave_it_out(folder, manifest):
    spec = 'port = 8001\nsecrets = ["PATH"]\n[env]\nNODE_OPTIONS = "-r x"\n'
    (folder / "site.toml").write_text(spec)

    here = Stored(Directory(folder))
    left_out = ["PATH", "NODE_OPTIONS"]
    back = backups_restoring.site_of(
        here, manifest_of(spec), "shop", found(mongodb="archive"), left_out
    )
    kept = backups_restoring.env_for(back, "PATH=/x\nKEY=1\n", left_out)

    assert ({}, (), "KEY=1\n") == (back.env, back.secrets, kept)


def test_a_database_of_the_owners_own_is_found_again():
    site = toml.site("shop", {"port": 8001, "database": False, "secrets": ["MONGODB_URI"]})

    assert "MONGODB_URI=mongodb://shop:pw@127.0.0.1:27017/shop\n" in backups_restoring.env_for(
        site, OLD_ENV
    )
