"""
A site's home is root's: nobody of the site decides what stands there under which name.

Each attack is tried from outside of the sandbox, as who had found a hole in it: inside, the home
cannot be written to at all.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cinestream_ops.state import paths
from tests.attacks.conftest import BESIDE, SITES
from tests.attacks.tenant import Tenant
from tests.owner.conftest import Standing
from tests.owner.owner import Host
from tests.owner.visitors import Visitors

HOME = "/var/www/mallory"
PLANT = "mkdir -p venvs/NEW/bin && cp /bin/true venvs/NEW/bin/python"
# user::rwx, user:SITE:rwx, group::r-x, mask::rwx, other::---
ACL = """
import os, struct
entries = [(1, 7, -1), (2, 7, os.getuid()), (4, 5, -1), (16, 7, -1), (32, 0, -1)]
packed = b"".join(struct.pack("<HHI", tag, may, who & 0xFFFFFFFF) for tag, may, who in entries)
os.setxattr(".", "system.posix_acl_access", struct.pack("<I", 2) + packed)
"""
ATTACKS = {
    "renames venvs": "mv venvs mine",
    "plants a python": PLANT,
    "plants a python in venvs of its own": f"mv venvs mine && {PLANT}",
    "adds to an environment": "touch venv/bin/also",
    "renames releases": "mv releases mine",
    "replaces src by a folder": "mv src mine && mkdir src",
    "leads src to its data": "ln -sfn data src",
    "leads static to /etc": "ln -sfn /etc static",
    "leads .env to the passwords": "ln -sf /etc/shadow .env",
    "leads .env to MongoDB's administrator": "mv .env mine && ln -s /etc/cinestream/mongodb.env .env",
    "removes .env": "rm -f .env && test ! -e .env",
    "lays a draft of .env": "ln -s /etc/passwd ..env.cinestream",
    "lays what a way back would bring": "cp .env ..env.cinestream-was",
    "leads data to everything": "mv data mine && ln -s / data",
    "opens its home": "chmod 0777 .",
    "gives itself its home by a list": f"python3 -c '{ACL}'",
    "puts a folder over its home": "mv /var/www/mallory /var/www/mine",
}


@pytest.fixture
def left(attacked: Standing) -> Iterator[None]:
    """What stands in the home is the same after the test."""
    before = names(attacked.host)
    yield
    assert before == names(attacked.host)


def names(host: Host) -> list[str]:
    listed = "find . -path ./data -prune -o -printf '%p %y %U %G %m %l\\n'"
    return sorted(host.sh(f"cd {HOME} && {listed}").splitlines())


def tried(host: Host, script: str) -> int:
    """The exit code of *script*, run in the home as its site, in no sandbox."""
    argv = ("setpriv", "--reuid=mallory", "--regid=mallory", "--init-groups", "--no-new-privs")
    return host.tries(*argv, "sh", "-c", f"cd {HOME} && {script}").returncode


@pytest.mark.parametrize("attack", ATTACKS)
def test_its_site(attacked: Standing, left: None, attack: str):
    assert 0 == tried(attacked.host, "cat .env venv/requirements.txt > data/may-read")
    assert 0 != tried(attacked.host, ATTACKS[attack])


@pytest.mark.parametrize("path", ["", "src/", "releases/", "venvs/", "data/", ".env"])
def test_another_site_sees_nothing_of_it(mallory: Tenant, path: str):
    assert "Permission denied" in mallory.sh(f"cat /var/www/alice/{path}").out


def test_nginx_goes_through_it_and_sees_nothing_there(attacked: Standing):
    host = attacked.host
    nginx = ("setpriv", "--reuid=www-data", "--regid=www-data", "--init-groups")
    assert not host.tries(*nginx, "cat", f"{HOME}/src/shell.py").returncode
    for argv in (
        ("ls", HOME),
        ("cat", f"{HOME}/.env"),
        ("ls", f"{HOME}/data"),
        ("touch", f"{HOME}/x"),
    ):
        assert "Permission denied" in host.tries(*nginx, *argv).stderr


def test_its_owner_goes_on_as_ever(attacked: Standing, tmp_path: Path):
    owner, host = attacked.owner, attacked.host
    for script in ATTACKS.values():
        tried(host, script)
    (tmp_path / "key").write_text("a long enough passphrase\n")

    owner.types(f"backup create mallory --to {tmp_path} --passphrase-file {tmp_path}/key")
    owner.types("env set mallory GREETING=hello --yes")
    owner.types(f"deploy mallory --source {SITES / 'shell'} --yes")
    owner.types("restart mallory --yes")

    assert 0 == owner.tries("plan --exit-code").code
    assert 200 == host.get("mallory.localhost")[0]


TELL = """
import os
print("TOLD", os.environ["PATH"], os.environ["HOME"], os.environ["PYTHONPATH"], os.environ["KEPT"])
print("EVIL", sorted(key for key, value in os.environ.items() if "evil" in value))
"""
SPEC = """
[sites.gallery]
source = "code"
wsgi = "shop:application"
static = "public"
workers = 2
refresh = { program = "tell.py", calendar = "*-*-* 06:00 UTC" }
"""
EVIL_ENV = "PATH=evil PYTHONPATH=evil HOME=evil LD_PRELOAD=evil.so BASH_ENV=evil NODE_OPTIONS=evil"


class Readers(Visitors):
    PATHS = ("/static/hello.txt", "/")


@pytest.fixture(scope="module")
def gallery(attacked: Standing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """A third site, with a static file and a program of the morning."""
    top = tmp_path_factory.mktemp("gallery")
    shutil.copytree(BESIDE, top / "code")
    (top / "code/public").mkdir()
    (top / "code/public/hello.txt").write_text("hello")
    (top / "code/tell.py").write_text(TELL)
    (top / "site.toml").write_text(SPEC)
    attacked.owner.types(f"apply -f {top}/site.toml --yes")
    yield attacked
    attacked.owner.types("remove-site gallery --purge --yes")


def test_a_home_that_was_the_sites_becomes_roots_and_nobody_notices(gallery: Standing):
    owner, host = gallery.owner, gallery.host
    workers = host.workers("gallery")
    bare = "import os; os.removexattr('/var/www/gallery', 'system.posix_acl_access')"
    host.runs("/usr/bin/python3", "-c", bare)
    host.sh("cd /var/www/gallery && chown gallery:www-data . && chmod 0750 .")
    assert "change folder `/var/www/gallery`" in owner.types("apply --plan").out

    with Readers(host, "gallery.localhost") as visitors:
        owner.types("apply --yes")

    assert {200} == set(visitors.statuses)
    assert workers == host.workers("gallery")
    assert "root gallery 750" == host.runs("stat", "-c", "%U %G %a", "/var/www/gallery")
    assert 0 == owner.tries("plan --exit-code").code


def test_an_environment_that_its_site_has_built_is_none(gallery: Standing):
    """As a site could, whose home was its own until now."""
    owner, host = gallery.owner, gallery.host
    built = host.sh("readlink -f /var/www/gallery/venv")
    fake = f"""
    cd /var/www/gallery && mv venvs data/real && mkdir -p {built}/bin
    cp data/real/*/.cinestream.json {built}
    printf '#!/bin/sh\\ntouch /var/www/gallery/data/ran-as-$(id -un); exit 1\\n' >{built}/bin/python
    chmod 0755 {built}/bin/python; chown -R gallery: venvs
    """
    with host.meanwhile(fake, "cd /var/www/gallery && rm -rf venvs && mv data/real venvs"):
        refused = owner.tries("restart gallery --yes")
        assert 1 == refused.code
        assert f"`{built}` is not on the server any longer" in refused.err
        assert "ran-as-root" not in host.sh("ls /var/www/gallery/data")


@pytest.mark.parametrize("way", ["refresh", "run"])
def test_what_is_in_its_env_does_not_say_which_program_runs(gallery: Standing, way: str):
    host, env = gallery.host, "/var/www/gallery/.env"
    lines = "\\n".join(["KEPT=yes", *EVIL_ENV.split(), r"A=x\rLD_AUDIT=evil.so"])
    with host.meanwhile(
        f"cp -p {env} /root/env; printf '{lines}\\n' >>{env}", f"cp -p /root/env {env}"
    ):
        if way == "run":
            said = gallery.owner.types("run gallery -- tell.py").out
        else:
            host.runs("systemctl", "start", "gallery-refresh.service")
            said = host.runs(
                "journalctl", "--namespace=*", "-u", "gallery-refresh", "-o", "cat", "-n", "20"
            )

    told = next(line for line in said.splitlines() if line.startswith("TOLD")).split()
    assert paths.PROGRAMS == told[1]
    assert "/var/www/gallery/data" == told[2]
    assert told[3].startswith("/var/www/gallery/")
    assert "yes" == told[4]
    assert "EVIL []" in said
