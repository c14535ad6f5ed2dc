from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cinestream_ops.channel import inventory
from cinestream_ops.channel.target import Target, this_machine
from cinestream_ops.errors import NotFound, OpsError

PROD = Target("prod", "203.0.113.7", 2222, "admin", identity_file="~/.ssh/prod")
TRIAL = Target("trial.eu", "2001:db8::1")


@pytest.fixture
def env(tmp_path, monkeypatch):
    """An owner with no servers and no ssh_config."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return {"HOME": str(tmp_path)}


@pytest.fixture
def file(tmp_path):
    """The inventory's file, its directory made."""
    directory = tmp_path / ".config/cinestream"
    directory.mkdir(parents=True)
    return directory / "servers.toml"


def fault(env):
    with pytest.raises(OpsError) as broken:
        inventory.load(env)
    return str(broken.value)


def test_without_a_file_there_are_no_servers(env):
    assert {} == inventory.load(env).servers


def test_a_server_that_is_added_is_there_next_time(env):
    inventory.load(env).add(PROD)
    inventory.load(env).add(TRIAL)

    assert {"prod": PROD, "trial.eu": TRIAL} == inventory.load(env).servers


def test_the_file_reads_well_and_is_the_owners_alone(env, file):
    inventory.load(env).add(PROD).add(TRIAL).use("prod")

    assert (
        "# The servers `cinestream` knows: `cinestream server add|remove|use` write this file anew.\n"
        'default = "prod"\n\n'
        "[servers.prod]\n"
        'host = "203.0.113.7"\nport = 2222\nuser = "admin"\nidentity_file = "~/.ssh/prod"\n\n'
        '[servers."trial.eu"]\nhost = "2001:db8::1"\n'
    ) == file.read_text()
    assert 0o600 == file.stat().st_mode & 0o777
    assert [file] == list(file.parent.iterdir())


def test_a_name_is_given_once(env):
    known = inventory.load(env).add(PROD)

    with pytest.raises(OpsError) as refused:
        known.add(PROD)

    assert "there is a server `prod` already" == str(refused.value)
    assert "`cinestream server remove prod` forgets the old one" == refused.value.hint


def test_a_server_that_is_removed_is_gone_and_no_default(env):
    known = inventory.load(env).add(PROD).add(TRIAL).use("prod")

    left = known.remove("prod")

    assert ({"trial.eu": TRIAL}, "") == (left.servers, left.default)
    assert left == inventory.load(env)


def test_an_unknown_server_is_told_with_what_is_close(env):
    known = inventory.load(env).add(PROD).add(TRIAL)

    with pytest.raises(NotFound) as refused:
        known.remove("prdo")

    assert "there is no server `prdo`" == str(refused.value)
    assert "did you mean `prod`?" == refused.value.hint


def test_the_first_server_is_told_how_to_be_added(env):
    with pytest.raises(NotFound) as refused:
        inventory.load(env).get("prod")

    assert "none is known yet: `cinestream server add NAME USER@HOST`" == refused.value.hint


def test_commands_at_once_lose_no_entry(env):
    program = (
        "import os, sys; from cinestream_ops.channel import inventory; from cinestream_ops.channel.target import Target\n"
        "sys.stdin.read(); inventory.load(os.environ).add(Target(sys.argv[1], 'box'))"
    )
    names = [f"server-{number}" for number in range(6)]
    strangers = {key: it for key, it in os.environ.items() if not key.startswith("CINESTREAM_")}
    start = [[sys.executable, "-c", program, name] for name in names]
    adding = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, env={**strangers, **env}) for argv in start
    ]

    for each in adding:
        each.stdin.close()
    ended = [each.wait(30) for each in adding]

    assert [0] * 6 == ended
    assert names == sorted(inventory.load(env).servers)


def test_a_torn_file_is_told_with_its_line(env, file):
    file.write_text('default = "prod"\n[servers.prod\n')

    assert (
        f"`{file}` is not TOML: Expected ']' at the end of a table declaration (at line 2, column 14)"
        == fault(env)
    )


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("x = 1\n", 1, "nobody reads `x`"),
        ("\nservers = 1\n", 2, "`servers` must be a table"),
        ("[servers]\nprod = 1\n", 2, "`servers.prod` must be a table"),
        ("[servers.a]\nhost='a'\n[servers.b]\nhost='b'\nprot=1\n", 5, "nobody reads `prot` of `b`"),
        ("[servers.a]\nport=1\n[servers.b]\nport='22'\n", 4, "`port` of `b` must be a number"),
        ("[servers.a]\nport=true\n", 2, "`port` of `a` must be a number"),
        ("[servers.a]\nhost=1\n", 2, "`host` of `a` must be text in quotes"),
        (
            "# c\ndefault='b'\n[servers.a]\nhost='a'\n",
            2,
            "the default `b` is not among the servers",
        ),
        ("default=1\n[servers.a]\nhost='a'\n", 1, "the default `1` is not among the servers"),
    ],
)
def test_what_nobody_reads_is_told_with_its_line(env, file, text, line, what):
    file.write_text(text)

    assert f"`{file}`, line {line}: {what}" == fault(env)


def test_a_file_that_is_a_directory_is_told(env, file):
    file.mkdir()

    assert f"`{file}` cannot be read: Is a directory" == fault(env)


@pytest.mark.parametrize(
    ("variable", "place"), [("CINESTREAM_CONFIG", "own"), ("XDG_CONFIG_HOME", "own/cinestream")]
)
def test_the_directory_can_be_elsewhere(env, tmp_path, variable, place):
    known = inventory.load({**env, variable: str(tmp_path / "own")})

    assert tmp_path / place / "servers.toml" == known.path


def test_what_is_asked_for_comes_first(env):
    inventory.load(env).add(PROD).add(TRIAL).use("prod")

    assert TRIAL == inventory.resolve("trial.eu", {**env, "CINESTREAM_SERVER": "prod"})


def test_then_comes_the_environment(env):
    inventory.load(env).add(PROD).add(TRIAL).use("prod")

    assert TRIAL == inventory.resolve(None, {**env, "CINESTREAM_SERVER": "trial.eu"})


def test_then_the_default(env):
    inventory.load(env).add(PROD).add(TRIAL).use("trial.eu")

    assert TRIAL == inventory.resolve(None, env)


def test_then_the_only_server(env):
    inventory.load(env).add(PROD)

    assert PROD == inventory.resolve(None, env)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root manages the machine it is on")
def test_then_this_machine_where_it_is_a_host(env, tmp_path):
    assert this_machine() == inventory.resolve(None, env, house=str(tmp_path))


def test_without_any_the_owner_is_told_what_to_do(env, tmp_path):
    with pytest.raises(OpsError) as refused:
        inventory.resolve(None, env, house=str(tmp_path / "none"))

    assert "there is no server to talk to" == str(refused.value)
    assert (
        "`cinestream server add NAME USER@HOST` remembers one; `--server USER@HOST` names one for "
        "once, and `--server local` is this machine"
    ) == refused.value.hint


def test_among_several_the_owner_chooses(env):
    inventory.load(env).add(PROD).add(TRIAL)

    with pytest.raises(OpsError) as refused:
        inventory.resolve(None, env)

    assert "which server: `prod`, `trial.eu`?" == str(refused.value)
    assert "name it with `--server NAME`, or `cinestream server use NAME`" == refused.value.hint


@pytest.mark.parametrize("asked", ["root@box", "box.example", "[2001:db8::1]:22", "localhost"])
def test_an_address_needs_no_entry(env, asked):
    assert inventory.resolve(asked, env).host in {"box", "box.example", "2001:db8::1", "localhost"}


def test_an_alias_of_ssh_config_needs_no_entry(env, tmp_path):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Include more\n")
    (tmp_path / ".ssh/more").write_text("Host cinema *.example\n  HostName 203.0.113.9\n")

    assert Target("cinema", "cinema") == inventory.resolve("cinema", env)


def test_a_word_that_is_neither_is_not_found(env):
    inventory.load(env).add(PROD)

    with pytest.raises(NotFound):
        inventory.resolve("pord", env)


def test_local_is_always_this_machine(env):
    inventory.load(env).add(PROD).use("prod")

    assert this_machine() == inventory.resolve("local", env)
