"""
A server, or another administrator of it, that wants what is on the owner's machine; and what stays
on a server of a deploy that was not to be.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cinestream_ops.channel import deployed
from cinestream_ops.channel.deployed import Sent
from cinestream_ops.channel.target import Target
from cinestream_ops.cli import code
from cinestream_ops.cli.options import CodeOptions
from cinestream_ops.engine.source_error import SourceError
from cinestream_ops.errors import OpsError
from cinestream_ops.spec import toml
from cinestream_ops.spec.site import Site
from tests.attacks.conftest import BESIDE
from tests.cli.fake import Server

WEB1 = Target("web1", host="192.0.2.1")


@pytest.fixture
def owner(tmp_path, monkeypatch) -> Path:
    """The owner's home, which the command is typed in a folder of."""
    home = tmp_path / "ann"
    for name in (".ssh/id_ed25519", ".aws/credentials", ".bashrc", "shop/shop.py", "diary/shop.py"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("application = print\n")
    (home / "work").symlink_to(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CINESTREAM_CONFIG", str(home / ".config/cinestream"))
    monkeypatch.chdir(home / "shop")
    return home


def named(source: str, ref: str = "") -> Site:
    """The site `shop`, as the server's spec tells of it."""
    keys = {"port": 8001, "source": source, "wsgi": "shop:application", "ref": ref}
    return toml.site("shop", keys | {"database": False, "workers": 1})


def deploys(site: Site, **options: str) -> code.Code:
    """What `cinestream deploy shop` would send, typed where there is no terminal."""
    server = Server(
        specs={
            "server.toml": toml.dump_server(toml.server({})),
            "sites/shop.toml": toml.dump_site(site),
        }
    )
    with server.session() as host:
        return code.of_site(host, host.site("shop"), CodeOptions(**options))


@pytest.mark.parametrize(
    "source",
    ["~", "../..", "..", ".", "~/shop", "~/work", "/etc", "/", "~root", "file:///etc", "git@h:x"],
)
def test_what_only_the_server_names_is_not_read(owner, source):
    with pytest.raises(OpsError, match="this machine never sent it") as raised:
        deploys(named(source))

    assert "--source PATH" in raised.value.hint


@pytest.mark.parametrize(("source", "full"), [("~", ""), ("../diary", "/diary"), ("~/work", "")])
def test_the_question_names_the_folder_in_full(owner, source, full):
    with pytest.raises(OpsError, match=f"names `{owner}{full}` as the code"):
        deploys(named(source))


def test_a_source_that_moved_is_asked_for_again(owner):
    deployed.remember({"HOME": str(owner)}, WEB1, {"shop": Sent(str(owner / "shop"))})
    assert deploys(named(str(owner / "shop"))).keys["source"] == str(owner / "shop")

    with pytest.raises(OpsError, match=f"this machine last sent it `{owner}/shop`"):
        deploys(named(str(owner / "diary")))


def test_what_was_sent_to_another_server_or_site_says_nothing(owner):
    sent = Sent(str(owner / "shop"))
    deployed.remember({"HOME": str(owner)}, Target("web1", host="192.0.2.2"), {"shop": sent})
    deployed.remember({"HOME": str(owner)}, WEB1, {"other": sent})

    with pytest.raises(OpsError, match="this machine never sent it"):
        deploys(named(str(owner / "shop")))


def test_a_branch_that_only_the_server_names_is_not_sent(owner):
    address = "file:///srv/code.git"
    deployed.remember({"HOME": str(owner)}, WEB1, {"shop": Sent(address, "main")})

    for options in ({}, {"source": address}):
        with pytest.raises(OpsError, match="at `private` as the code"):
            deploys(named(address, "private"), **options)


def test_a_source_cannot_draw_on_the_terminal(owner):
    with pytest.raises(OpsError) as raised:
        deploys(named("/srv/\x9b2J\u202eshop"))

    assert str(raised.value).isprintable()


@pytest.mark.parametrize("source", ["~", "~/work", "/etc", "/"])
def test_a_home_is_not_sent_even_if_the_owner_says_so(owner, source):
    with pytest.raises(SourceError, match="is no folder of a site"):
        deploys(named("~/shop"), source=source)


def test_a_third_partys_source_cannot_have_the_owners_keys_sent(owner):
    (owner / "shop/site.toml").write_text('[source]\ninclude = ["../.ssh"]\n')
    with pytest.raises(SourceError, match=r"has no `\.\./\.ssh`"):
        deploys(named("~/shop"), source=str(owner / "shop"))

    (owner / "shop/site.toml").write_text('[source]\ninclude = ["key"]\n')
    (owner / "shop/key").symlink_to(owner / ".ssh/id_ed25519")
    with pytest.raises(SourceError, match=r"has no `key`|leads out of|keys or credentials"):
        deploys(named("~/shop"), source=str(owner / "shop"))


def test_a_refused_deploy_leaves_nothing_of_the_source_on_the_server(attacked, tmp_path):
    source = tmp_path / "alice"
    shutil.copytree(BESIDE, source)
    (source / "shop.py").write_text("raise SystemExit('broken')\n")
    (source / "notes.txt").write_text("canary of the owner\n")
    (source / "big.bin").write_bytes(bytes(3 << 20))
    look = "ls -A /var/www/alice/releases; find /var/lib/cinestream/incoming -type f"
    before = attacked.host.sh(look)

    unasked = attacked.owner.tries(f"deploy alice --source {source}")
    refused = attacked.owner.tries(f"deploy alice --source {source} --yes")

    assert (1, 1) == (unasked.code, refused.code)
    assert f"Code of alice: from this machine: `{source}`, " in unasked.err
    assert "no terminal" in unasked.err
    assert before == attacked.host.sh(look)
    assert "" == attacked.host.sh("grep -rl 'canary of the owner' /var/www /var/lib/cinestream; :")
    assert 0 == attacked.owner.tries("plan --exit-code").code


def test_a_plain_deploy_asks_for_what_another_administrator_wrote(attacked, tmp_path):
    spec = "/etc/cinestream/sites/alice.toml"
    attacked.owner.types(f"deploy alice --source {BESIDE} --yes")
    attacked.owner.types("deploy alice --yes")
    with attacked.host.meanwhile(
        f"cp -p {spec} {spec}.was; sed -i 's|^source = .*|source = \"~\"|' {spec}",
        f"mv {spec}.was {spec}",
    ):
        said = attacked.owner.tries("deploy alice --yes")

    assert 1 == said.code
    assert f"names `{attacked.owner.home}` as the code of `alice`" in said.err
    assert f"this machine last sent it `{BESIDE.resolve()}`" in said.err
