"""
The owner is told what is sent, before it is; and this machine remembers it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cinestream_ops import engine
from cinestream_ops.channel import deployed
from cinestream_ops.channel.deployed import Sent
from cinestream_ops.channel.target import Target
from cinestream_ops.cli import change, code, origins
from cinestream_ops.cli.add_site import wanted
from cinestream_ops.cli.options import Changing, CodeOptions
from cinestream_ops.errors import OpsError
from cinestream_ops.spec import toml
from tests.cli.fake import Server

WEB1 = Target("web1", host="192.0.2.1")
KEYS = {"domains": [], "secrets": [], "port": None, "database": False, "workers": 1}


@pytest.fixture
def source(home: Path) -> Path:
    root = home / "shop"
    root.mkdir()
    (root / "shop.py").write_text("app = print\n")
    (root / ".env").write_text("KEY=canary\n")
    (root / "media").mkdir()
    (root / "media/film").write_text("long")
    (root / ".gitignore").write_text("media\n")
    return root


@pytest.fixture
def server():
    made = Server(specs={"server.toml": toml.dump_server(toml.server({}))})
    with made.session() as host:
        bare = engine.plan(host.conversation, host.found, host.house)
    made.have(bare)
    return made


def adds(server: Server, source: Path, asked: Changing):
    brought = code.asked(CodeOptions(source=str(source), wsgi="shop:app"))
    with server.session() as host:
        site = wanted(host, "shop", {**KEYS, **brought.keys})
        house = host.house.with_site(site)
        carried = brought.carried("shop")
        return change.make(
            host, house, asked, doing="add-site shop", only={"shop"}, carried=carried
        )


def test_the_plan_begins_with_what_is_sent_and_what_stays(server, source, capfd):
    adds(server, source, Changing(plan_only=True))

    assert capfd.readouterr().out.startswith(
        f"Code of shop: from this machine: `{source}`, 2 files, 0.0 KiB\n"
        "  - stays here: environment: `.env`\n"
        "  - stays here: ignored by git: `media/`\n"
        "\nPrepare"
    )


def test_a_program_is_told_all_of_it(server, source, capfd):
    adds(server, source, Changing(plan_only=True, as_json=True))

    (told,) = json.loads(capfd.readouterr().out)["code"]
    assert ("shop", str(source), "directory", 2) == (
        told["site"],
        told["source"],
        told["from"],
        told["files"],
    )
    assert {"path": ".env", "why": "environment"} in told["left_out"]


def test_what_was_sent_is_remembered_and_what_was_only_planned_is_not(server, source, home):
    env = {"XDG_CONFIG_HOME": str(home / "config")}

    adds(server, source, Changing(plan_only=True))
    assert deployed.known(env, WEB1, "shop") is None
    with pytest.raises(OpsError, match="no terminal"):
        adds(server, source, Changing())
    assert deployed.known(env, WEB1, "shop") is None

    adds(server, source, Changing(yes=True))
    assert Sent(str(source)) == deployed.known(env, WEB1, "shop")


def test_a_change_that_was_refused_is_not_remembered(server, source, home):
    server.refusal = {"why": "the worker did not start", "hint": "", "kind": "drifted"}

    with pytest.raises(OpsError, match="did not start"):
        adds(server, source, Changing(yes=True))

    assert deployed.known({"XDG_CONFIG_HOME": str(home / "config")}, WEB1, "shop") is None


def test_a_change_stands_although_it_cannot_be_remembered(server, source, home, capfd):
    (home / "config").write_text("a file where the folder would be")

    adds(server, source, Changing(yes=True))

    said = capfd.readouterr().err
    assert "Done: add-site shop" in said
    assert "the next deploy from here asks for the source" in said


@pytest.mark.parametrize(
    ("text", "why"),
    [("[", "is not TOML"), ("a = 1", "as cinestream wrote it"), ("[h.s]\nref = 1", "wrote it")],
)
def test_a_damaged_memory_is_told(home, text, why):
    (home / "config/cinestream").mkdir(parents=True)
    (home / "config/cinestream/deployed.toml").write_text(text)

    with pytest.raises(OpsError, match=why):
        deployed.known({"XDG_CONFIG_HOME": str(home / "config")}, WEB1, "shop")


def test_two_servers_and_sites_are_remembered_beside_each_other(home):
    env = {"XDG_CONFIG_HOME": str(home / "config")}
    other = Target("web2", host="192.0.2.1", port=2222)
    deployed.remember(env, WEB1, {"a": Sent("/a"), "b": Sent("/b", "main")})
    deployed.remember(env, other, {"a": Sent("/c")})
    deployed.remember(env, WEB1, {"a": Sent("/d")})

    found = [deployed.known(env, WEB1, "a"), deployed.known(env, WEB1, "b")]
    assert [Sent("/d"), Sent("/b", "main")] == found
    assert Sent("/c") == deployed.known(env, other, "a")
    assert 0o600 == (home / "config/cinestream/deployed.toml").stat().st_mode & 0o777


def test_a_site_that_was_made_of_another_inherits_its_source(home):
    deployed.remember(os.environ, WEB1, {"shop": Sent("/srv/shop")})

    origins.inherit(WEB1, "shop", "copy")
    origins.inherit(WEB1, "nothing", "other")

    assert Sent("/srv/shop") == deployed.known(os.environ, WEB1, "copy")
    assert deployed.known(os.environ, WEB1, "other") is None
