"""
Keys, credentials and homes are not sent by mistake.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cinestream_ops.engine import credentials
from cinestream_ops.engine.source import read_source
from cinestream_ops.engine.source_error import SourceError

PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    root.mkdir()
    (root / "app.py").write_text("app = print\n")
    return root


def read(root: Path, *sends: str):
    return read_source(str(root), wsgi="app:app", sends=sends)


def put(root: Path, name: str, text: str = "x\n") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize(
    "name",
    [
        ".ssh/config", "deploy/.SSH/known", ".aws/credentials", ".gnupg/pubring.kbx", ".kube/config",
        ".netrc", ".pgpass", "conf/.docker/config.json", ".git-credentials", ".pypirc", "id_ed25519",
        "keys/id_rsa", ".bash_history", ".python_history", "certs/site.p12", "ops/terraform.tfstate",
        ".config/gcloud/application_default_credentials.json",
    ],
)  # fmt: skip
def test_what_is_private_by_its_name_is_refused(tree, name):
    put(tree, name)

    with pytest.raises(SourceError) as raised:
        read(tree)

    assert f"`{name}`" in str(raised.value)
    assert "--send PATH" in raised.value.hint


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("site.pem", f"Bag Attributes\n{PEM}"),
        ("notes.txt", PEM.replace("PRIVATE", "OPENSSH PRIVATE").replace("\n", "\r\n")),
        ("google.json", '{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY--"}'),
        ("backup.txt", f"AGE-SECRET-KEY-1{'Q' * 58}\n"),
        (".npmrc", "//npm.example/:_authToken=npm_abc\n"),
    ],
)
def test_what_is_private_by_its_content_is_refused(tree, name, text):
    put(tree, name, text)

    with pytest.raises(SourceError, match="keys or credentials"):
        read(tree)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("site.pem", PEM.replace("PRIVATE KEY", "CERTIFICATE")),
        ("id_ed25519.pub", "ssh-ed25519 AAAA\n"),
        ("id_card.py", "x = 1\n"),
        ("keys.py", 'HEAD = "-----BEGIN PRIVATE KEY-----"\n'),
        ("history.py", "x = 1\n"),
    ],
)
def test_what_only_looks_like_it_is_sent(tree, name, text):
    put(tree, name, text)

    assert 2 == read(tree).files


def test_a_link_to_a_key_is_as_private_as_the_key(tree):
    put(tree, "keys/id_rsa")
    (tree / "harmless.txt").symlink_to("keys/id_rsa")

    with pytest.raises(SourceError, match=r"`harmless\.txt`"):
        read(tree, "keys")


def test_the_owner_may_send_one_and_no_other(tree):
    put(tree, "keys/id_rsa")
    put(tree, "keys/id_dsa")

    assert 3 == read(tree, "keys").files
    with pytest.raises(SourceError, match=r"`keys/id_dsa`$"):
        read(tree, "keys/id_rsa")


@pytest.mark.parametrize("name", ["../site2", "/etc/passwd", "nothing"])
def test_what_is_sent_is_in_the_source(tree, name):
    with pytest.raises(SourceError, match="the source has no"):
        read(tree, name)


def test_requirements_that_are_a_link_to_what_is_not_sent_are_refused(tree):
    put(tree, ".env", "KEY=canary\n")
    (tree / "requirements.txt").symlink_to(".env")

    with pytest.raises(SourceError, match="link to what is not sent"):
        read(tree)


def test_a_key_that_is_ignored_stands_in_nobodys_way(tree):
    put(tree, "id_rsa")
    put(tree, ".gitignore", "id_rsa\n")

    assert 2 == read(tree).files


def test_what_looks_like_a_home_is_refused(tree):
    put(tree, ".bashrc")
    assert 2 == read(tree).files

    put(tree, ".config/app.toml")
    with pytest.raises(SourceError, match=r"looks like a home.*`\.bashrc`, `\.config`"):
        read(tree)


@pytest.mark.parametrize("path", ["/", "/etc", "/etc/ssh", "/var", "/home", "~"])
def test_homes_and_folders_of_the_system_are_refused_without_being_read(path):
    with pytest.raises(SourceError, match="is no folder of a site"):
        read_source(path, wsgi="app:app")


def test_a_link_to_a_home_is_the_home(tree, tmp_path):
    (tmp_path / "innocent").symlink_to(Path.home())

    with pytest.raises(SourceError, match=f"`{Path.home()}` is no folder of a site"):
        read_source(str(tmp_path / "innocent"), wsgi="app:app")


def test_a_long_list_is_cut_short():
    assert credentials.few([str(number) for number in range(10)]).endswith("`7`, and 2 more")
