"""
A change from the plan to its result, against a server that speaks the agent's protocol.
"""

import json

import pytest

from cinestream_ops import engine
from cinestream_ops.cli import aftermath, change
from cinestream_ops.cli.add_site import wanted
from cinestream_ops.cli.options import Changing
from cinestream_ops.errors import Locked, OpsError
from cinestream_ops.spec import toml
from tests.cli.fake import Server

KEYS = {"domains": [], "secrets": [], "port": None, "database": False, "workers": 2}
YES = Changing(yes=True)


@pytest.fixture
def server():
    """A host without MongoDB, and with the small site `blog`."""
    made = Server(specs={"server.toml": toml.dump_server(toml.server({}))})
    with made.session() as host:
        house = host.house.with_site(wanted(host, "blog", {**KEYS, **bundled()}))
        made.have(engine.plan(host.conversation, host.found, house))
    made.orders.clear()
    return made


def bundled():
    code = engine.read_source("bundled", wsgi="", requirements=None)
    return {"release": code.release, "requirements": code.requirements}


def set_greeting(host, asked, text="hello"):
    site = toml.edited(host.site("blog"), {"env": {"GREETING": text}})
    return change.make(host, host.house.with_site(site), asked, doing="env set", only={"blog"})


def test_a_server_that_is_as_its_specs_say_has_nothing_to_do(server, capfd):
    with server.session() as host:
        plan = change.make(host, host.house, YES, doing="apply", only=None)

    assert not plan
    assert ("", "Nothing to do: the server is as its specs say\n") == capfd.readouterr()
    assert "apply" not in {order["do"] for order in server.orders}


def test_a_plan_alone_is_data_and_changes_nothing(server, capfd):
    with server.session() as host:
        set_greeting(host, Changing(plan_only=True))

    said = capfd.readouterr()
    assert said.out.startswith("Change (whole, or not at all): ")
    assert "\n  - change `/var/www/blog/.env`\n" in said.out
    assert "" == said.err
    assert "apply" not in {order["do"] for order in server.orders}


def test_a_change_tells_its_plan_on_stderr_and_what_was_done(server, capfd):
    with server.session() as host:
        set_greeting(host, YES)

    said = capfd.readouterr()
    assert "" == said.out
    assert said.err.startswith("Change (whole, or not at all): ")
    assert said.err.endswith("Done: env set\n")


def test_without_a_terminal_and_a_yes_nothing_is_changed(server):
    with server.session() as host, pytest.raises(OpsError, match="no terminal") as raised:
        set_greeting(host, Changing())

    assert "`--yes` makes the change without asking, `--plan` only shows it" == raised.value.hint
    assert "apply" not in {order["do"] for order in server.orders}


def test_the_result_as_json_holds_the_plan_and_what_came_of_it(server, capfd):
    with server.session() as host:
        set_greeting(host, Changing(yes=True, as_json=True))

    told = json.loads(capfd.readouterr().out)
    assert ["doing", "changed", "follow_ups", "phases", "forget", "warnings"] == list(told)
    assert (True, [], []) == (told["changed"], told["follow_ups"], told["warnings"])
    assert {"title", "steps"} == set(told["phases"][0])


def test_a_diff_shows_the_lines_of_files_and_is_in_the_json_too(server, capfd):
    with server.session() as host:
        set_greeting(host, Changing(plan_only=True, diff=True))
        shown = capfd.readouterr().out
        set_greeting(host, Changing(plan_only=True, diff=True, as_json=True))
        told = json.loads(capfd.readouterr().out)

    assert '\n+GREETING = "hello"' in shown
    assert ["/etc/cinestream/sites/blog.toml"] == list(told["diffs"])


def test_a_refusal_is_raised_with_what_the_server_said(server):
    server.refusal = {"kind": "locked", "why": "`ann@laptop` is at work", "hint": ""}

    with server.session() as host, pytest.raises(Locked, match="`ann@laptop` is at work"):
        set_greeting(host, YES)


def test_a_certificate_that_was_had_is_told_with_its_end(server, capfd):
    record = {"state": "issued", "not_after": 1893456000, "reason": "", "next_try": 0}
    server.certificates = {"blog.example": record}
    with server.session() as host:
        site = toml.edited(host.site("blog"), {"domains": ["blog.example"]})
        change.make(host, host.house.with_site(site), YES, doing="domain add", only={"blog"})

    assert capfd.readouterr().err.endswith(
        "Done: domain add\n"
        "`blog.example` is issued: its certificate is good until 2030-01-01 00:00 UTC\n"
    )


def test_a_certificate_that_could_not_be_had_is_told_with_the_reason(capfd):
    record = {
        "state": "pending-dns",
        "reason": "`blog.example` has no A or AAAA record",
        "hint": "add one",
        "next_try": 1893456000,
    }
    sequel = aftermath.Sequel("certificate:blog.example", ok=False, why="no", certificate=record)
    aftermath.tell([sequel])

    assert (
        "warning: `blog.example` is pending-dns: `blog.example` has no A or AAAA record\n"
        "hint: add one; the server tries again at 2030-01-01 00:00 UTC\n"
    ) == capfd.readouterr().err


def test_what_could_not_be_cleaned_up_is_told(capfd):
    aftermath.tell([aftermath.Sequel("user:blog", ok=False, why="it is logged in")])

    assert "warning: `blog` was not finished: it is logged in\n" == capfd.readouterr().err


def test_a_site_that_is_there_as_asked_for_is_no_mistake(server):
    with server.session() as host:
        assert host.site("blog") == wanted(host, "blog", {**KEYS, **bundled()})


@pytest.mark.parametrize("other", [{"workers": 3}, {"port": 9001}, {"domains": ["a.example"]}])
def test_a_site_that_is_there_with_other_settings_is_refused(server, other):
    with server.session() as host, pytest.raises(OpsError, match="`blog` already"):
        wanted(host, "blog", {**KEYS, **bundled(), **other})


def test_an_unknown_site_is_answered_with_what_is_close(server):
    with server.session() as host, pytest.raises(OpsError, match="no site `blgo`") as raised:
        host.site("blgo")

    assert "did you mean `blog`?" == raised.value.hint
