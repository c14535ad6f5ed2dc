"""
The owner's own list of servers, as the commands tell and change it.
"""

import os

import pytest

from cinestream_ops.channel import inventory
from cinestream_ops.channel.target import Target


@pytest.fixture
def two(home):
    known = inventory.load(os.environ)
    known.add(Target("web1", host="192.0.2.1", user="root"))
    known.add(Target("web2", host="192.0.2.2", user="ann", port=2222))


def test_an_owner_without_servers_has_an_empty_list(cinestream):
    told = cinestream("server", "list", "--json")

    assert (0, []) == (told.code, told.json)


def test_the_list_tells_addresses_and_the_one_in_use(cinestream, two):
    cinestream("server", "use", "web2")

    told = cinestream("server", "list")

    assert (
        "SERVER  ADDRESS             IN USE\n"
        "web1    root@192.0.2.1      no\n"
        "web2    ann@192.0.2.2:2222  yes\n"
    ) == told.out


def test_the_list_as_json_has_the_same(cinestream, two):
    expected = [
        {"name": "web1", "address": "root@192.0.2.1", "default": False},
        {"name": "web2", "address": "ann@192.0.2.2:2222", "default": False},
    ]

    assert expected == cinestream("server", "list", "--json").json


def test_using_a_server_is_told_on_stderr(cinestream, two):
    told = cinestream("server", "use", "web1")

    assert (0, "", "Using `web1` (root@192.0.2.1)\n") == (told.code, told.out, told.err)


def test_a_removed_server_is_gone(cinestream, two):
    told = cinestream("server", "remove", "web1", "--json")

    assert {"name": "web1", "address": "root@192.0.2.1"} == told.json
    assert ["web2"] == [each["name"] for each in cinestream("server", "list", "--json").json]


def test_a_server_that_is_not_known_is_refused_with_what_is_close(cinestream, two):
    told = cinestream("sites", "--server", "web3")

    assert 1 == told.code
    assert told.err.startswith("error: there is no server `web3`\nhint: did you mean `web")


def test_several_servers_and_none_in_use_is_a_question(cinestream, two):
    told = cinestream("sites")

    assert (
        "error: which server: `web1`, `web2`?\n"
        "hint: name it with `--server NAME`, or `cinestream server use NAME`\n"
    ) == told.err


def test_the_shell_completes_names_of_servers(cinestream, two, monkeypatch):
    monkeypatch.setenv("_CINESTREAM_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "cinestream sites --server we")
    monkeypatch.setenv("COMP_CWORD", "3")

    assert "web1\nweb2" == cinestream().out.strip()


def test_the_shell_completes_commands(cinestream, monkeypatch):
    monkeypatch.setenv("_CINESTREAM_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "cinestream e")
    monkeypatch.setenv("COMP_CWORD", "1")

    assert "edit-site\nenv" == cinestream().out.strip()
