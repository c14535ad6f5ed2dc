"""
What is said of sites that are away, and of changes that were cut off.
"""

from __future__ import annotations

import json

from cinestream_ops.cli import maintenance, recover, status
from cinestream_ops.spec import toml

READY = {"unit": "blog@8001.service", "ready": True, "why": "", "memory": 0, "restarts": 0}
SILENT = {**READY, "ready": False, "why": "no answer"}
ENTRY = {
    "when": 0, "seconds": 2.0, "who": "ann@laptop", "doing": "edit-site blog", "steps": 7,
    "outcome": "recovered", "why": "",
}  # fmt: skip
NOW = {"undone": ["file:/a", "file:/b"], "failed": {}}


def site(worker, *, stopped=False, asked=None):
    return {"name": "blog", "workers": [worker], "stopped": stopped, "maintenance": asked}


def test_the_trouble_of_a_site_is_what_visitors_meet_and_what_ails_it():
    assert "" == status.trouble(site(READY))
    assert "no answer" == status.trouble(site(SILENT))
    assert "maintenance" == status.trouble(site(READY, asked={"retry_after": 300}))
    assert "maintenance: at five; no answer" == status.trouble(
        site(SILENT, asked={"message": "at five"})
    )


def test_that_nobody_answers_is_no_trouble_of_a_site_that_is_stopped():
    assert "stopped" == status.trouble(site(SILENT, stopped=True))
    assert "stopped, maintenance: moved" == status.trouble(
        site(SILENT, stopped=True, asked={"message": "moved"})
    )


def test_what_is_not_named_of_a_page_stays_as_it_is():
    there = toml.site("blog", {"port": 8001, "maintenance": {"message": "at five"}})

    assert {"message": "at five", "retry_after": 60} == maintenance.switched_on(
        there, {"retry_after": 60}
    )
    assert {} == maintenance.switched_on(toml.site("blog", {"port": 8001}), {})


def test_without_anything_unfinished_the_last_that_was_undone_is_told(capsys):
    history = [ENTRY, {**ENTRY, "doing": "restart blog", "outcome": "done"}]

    recover.tell(recover.outcome(None, history, busy=False), as_json=False)
    told = capsys.readouterr()

    assert "Nothing is unfinished; this was undone last:\n" == told.err
    assert ["edit-site blog", "ann@laptop", "1970-01-01 00:00 UTC", "7", "undone", "-"] == [
        line[9:] for line in told.out.splitlines()[1:]
    ]


def test_on_a_server_that_never_lost_a_change_nothing_is_told(capsys):
    recover.tell(recover.outcome(None, [], busy=False), as_json=False)

    assert ("", "Nothing is unfinished\n") == capsys.readouterr()


def test_what_was_undone_just_now_is_counted(capsys):
    recover.tell(recover.outcome(NOW, [ENTRY], busy=False), as_json=False)

    assert "undone just now: 2 of 2 steps" in capsys.readouterr().out


def test_what_could_not_be_undone_is_named_with_what_to_do(capsys):
    now = {"undone": ["file:/a"], "failed": {"file:/b": "busy"}}
    told = recover.outcome(
        now, [{**ENTRY, "why": "`file:/b` could not be undone: busy"}], busy=False
    )

    recover.tell(told, as_json=True)

    assert ["file:/b"] == json.loads(capsys.readouterr().out)["failed"]
    assert "`file:/b` could not be undone" == str(recover.stuck(told))
    assert "/var/lib/cinestream/journal" in recover.stuck(told).hint


def test_a_server_at_work_is_not_called_whole(capsys):
    recover.tell(recover.outcome(None, [], busy=True), as_json=False)

    assert "Nothing is unfinished" not in capsys.readouterr().err
