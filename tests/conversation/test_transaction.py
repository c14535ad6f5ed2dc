"""
All or nothing, whatever comes in between.
"""

from __future__ import annotations

import json
import os
import signal

import pytest

from cinestream_ops.engine.spool import Spool
from cinestream_ops.engine.trees import pack
from cinestream_ops.errors import Unreachable
from cinestream_ops.state.items import Absent, Check, Directory, EnvFile, Release, Symlink
from cinestream_ops.state.steps import CLEANUP, PREPARE, PUT, REMOVE, Step
from tests.conversation.server import apply, begin, planned, until_ready

FAIL = Check("never", ("sh", "-c", "echo out of luck >&2; exit 1"))
KILL = Check("dies", ("sh", "-c", "kill -9 $PPID"))


def change(server):
    """Something of every sort that a change does to a disk."""
    land = server.land
    return [
        Step(PUT, Directory(f"{land}/folder", 0o700)),
        Step(PUT, Directory(f"{land}/new-folder")),
        Step(PUT, server.put("new-folder/file", mode=0o600)),
        Step(PUT, server.put("old")),
        Step(PUT, Symlink(f"{land}/link", "elsewhere")),
        Step(PUT, Symlink(f"{land}/new-link", "old")),
        Step(PUT, EnvFile(f"{land}/.env", "root", "root", generated=(("KEY", "token"),))),
        Step(REMOVE, server.put("folder/there")),
        Step(PUT, Absent(f"{land}/unwanted")),
    ]


@pytest.fixture
def prepared(server):
    (server.land / "folder/there").write_bytes(b"there\n")
    (server.land / "unwanted").write_bytes(b"unwanted\n")
    return server


def test_a_committed_change_is_all_there(prepared):
    events = prepared.apply(*change(prepared))

    assert {"event": "done"} == events[-1]
    assert b"new\n" == (prepared.land / "old").read_bytes()
    assert 0o600 == (prepared.land / "new-folder/file").stat().st_mode & 0o777
    assert "elsewhere" == str((prepared.land / "link").readlink())
    expected = {".env", "folder", "link", "new-folder", "new-folder/file", "new-link", "old"}
    assert expected == set(prepared.tree())
    assert set() == prepared.leftovers()


def test_looking_again_finds_what_was_put(prepared):
    file = prepared.put("old")
    prepared.apply(file)

    facts = prepared.look()

    assert file.mark == facts.items[file.key]
    assert file.mark == facts.owned[file.key].fact


def test_a_failed_check_puts_everything_back(prepared):
    before = prepared.tree()

    events = prepared.apply(*change(prepared), FAIL)

    assert "refused" == events[-1]["event"]
    assert "out of luck" in events[-1]["why"]
    assert events[-1]["restored"]
    assert before == prepared.tree()
    assert {} == prepared.look().owned
    assert set() == prepared.leftovers()


@pytest.mark.parametrize("taken", range(10))
def test_a_killed_agent_is_undone_by_the_next_conversation(prepared, taken):
    before = prepared.tree()
    steps = change(prepared)
    with pytest.raises(Unreachable):
        prepared.apply(*steps[:taken], KILL, *steps[taken:])

    facts = prepared.look()

    assert before == prepared.tree()
    assert "ann@laptop" == facts.recovered["who"]
    assert {step.key for step in [*steps[:taken], KILL]} == set(facts.recovered["undone"])
    assert "recovered" == prepared.history()[-1]["outcome"]
    assert set() == prepared.leftovers()


def test_what_was_recovered_is_told_once(prepared):
    with pytest.raises(Unreachable):
        prepared.apply(*change(prepared), KILL)

    recovered = [prepared.look().recovered is not None for _ in range(2)]

    assert [True, False] == recovered


def test_a_controller_that_hangs_up_before_commit_changes_nothing(prepared):
    before = prepared.tree()

    with prepared.talk() as conversation:
        until_ready(begin(conversation, planned(conversation, tuple(change(prepared)))))

    assert before == prepared.tree()
    assert "refused" == prepared.history()[-1]["outcome"]


def test_another_word_than_commit_changes_nothing(prepared):
    before = prepared.tree()

    events = prepared.apply(*change(prepared), commit={"do": "look", "ask": []})

    assert "the controller changed its mind" == events[-1]["why"]
    assert before == prepared.tree()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_changes_nothing(prepared, number):
    before = prepared.tree()

    with prepared.talk() as conversation:
        events = begin(conversation, planned(conversation, tuple(change(prepared))))
        until_ready(events)
        os.kill(prepared.holder(), number)
        last = list(events)[-1]

    assert f"{number.name} came" == last["why"]
    assert last["restored"]
    assert before == prepared.tree()


def test_a_server_that_changed_since_the_look_is_left_alone(prepared):
    with prepared.talk() as conversation:
        plan = planned(conversation, tuple(change(prepared)))
        (prepared.land / "old").write_bytes(b"by hand\n")
        (prepared.land / "folder").chmod(0o755)
        before = prepared.tree()
        *_, last = apply(conversation, plan)

    assert "drifted" == last["kind"]
    assert f"`{prepared.land}/old`" in last["why"]
    assert f"`{prepared.land}/folder`" in last["why"]
    assert before == prepared.tree()


def test_a_preparation_outlives_a_change_that_fails(prepared):
    folder = Directory(f"{prepared.land}/prepared")

    prepared.apply(Step(PUT, folder, phase=PREPARE), prepared.put("old"), FAIL)

    assert (prepared.land / "prepared").is_dir()
    assert {folder.key} == set(prepared.look().owned)


def test_what_is_about_to_be_prepared_is_ours_before_it_is_there(prepared):
    folder = Directory(f"{prepared.land}/releases")
    made = Step(PUT, folder, phase=PREPARE)

    with prepared.talk() as conversation:
        for event in begin(conversation, planned(conversation, (made,))):
            if event["event"] == "step":
                owned = json.loads((prepared.home / "owned.json").read_text())
                break

    assert "begin" == event["state"]
    assert folder.key in owned


def test_a_clean_up_that_fails_does_not_undo_the_change(prepared):
    folder = prepared.put("folder", b"")

    events = prepared.apply(prepared.put("old"), Step(REMOVE, folder, phase=CLEANUP))

    assert [False] == [event["ok"] for event in events if event["event"] == "outcome"]
    assert {"event": "done"} == events[-1]
    assert b"new\n" == (prepared.land / "old").read_bytes()


def test_a_clean_up_that_is_cut_off_is_finished_by_the_next_conversation(prepared):
    first, second = prepared.put("old"), prepared.put("folder/there")
    prepared.apply(first, second)
    cut = [Step(REMOVE, first, phase=CLEANUP), Step(PUT, KILL, phase=CLEANUP)]
    with pytest.raises(Unreachable):
        prepared.apply(*cut, Step(REMOVE, second, phase=CLEANUP))
    before = (prepared.land / "folder/there").exists()

    facts = prepared.look()

    assert before
    assert not (prepared.land / "folder/there").exists()
    assert ({}, None) == (facts.owned, facts.recovered)
    assert set() == prepared.leftovers()


def test_what_is_removed_is_not_ours_any_more(prepared):
    file = prepared.put("old")
    prepared.apply(file)

    prepared.apply(Step(REMOVE, file))

    assert {} == prepared.look().owned
    assert not (prepared.land / "old").exists()


def test_what_is_forgotten_stays_where_it_is(prepared):
    file = prepared.put("old")
    prepared.apply(file)

    prepared.apply(forget=[file.key])

    assert {} == prepared.look().owned
    assert b"new\n" == (prepared.land / "old").read_bytes()


def test_a_folder_with_the_files_of_others_stays(prepared):
    prepared.apply(Step(REMOVE, Directory(f"{prepared.land}/folder")))

    assert b"there\n" == (prepared.land / "folder/there").read_bytes()


def test_a_file_without_its_folder_is_refused(prepared):
    before = prepared.tree()

    events = prepared.apply(prepared.put("old"), prepared.put("nowhere/file"))

    expected = f"`{prepared.land}/nowhere` is not there, so `file` cannot be put into it"
    assert expected == events[-1]["why"]
    assert before == prepared.tree()


def test_a_file_of_nobody_is_refused(prepared):
    before = prepared.tree()

    events = prepared.apply(prepared.put("old"), prepared.put("file", owner="nobody-at-all"))

    assert "there is no user `nobody-at-all`" == events[-1]["why"]
    assert before == prepared.tree()


def test_each_step_is_told_when_it_begins_and_ends(prepared):
    file = prepared.put("old")

    events = prepared.apply(file)

    told = [(e["key"], e["state"]) for e in events if e["event"] == "step"]
    assert [(file.key, "begin"), (file.key, "end")] == told


def test_the_history_tells_who_did_what(prepared):
    prepared.apply(prepared.put("old"))
    prepared.apply(prepared.put("new"), FAIL)

    with prepared.talk() as conversation:
        entries = conversation.ask({"do": "history"})["entries"]

    assert ["done", "refused"] == [entry["outcome"] for entry in entries]
    assert {"ann@laptop"} == {entry["who"] for entry in entries}
    assert {"add-site blog"} == {entry["doing"] for entry in entries}


@pytest.fixture
def uploaded(server, tmp_path):
    """A release that is big enough to be spooled, and what it is uploaded with."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source/app.py").write_text("app = print\n")
    (tmp_path / "source/film").write_bytes(bytes(3 << 20))
    tree = Spool()
    pack(tmp_path / "source", sorted((tmp_path / "source").iterdir()), tree.file)
    release = Release(f"{server.land}/releases/one", tree.digest)
    return release, {tree.digest: tree}


def test_a_release_of_a_refused_change_does_not_stay_on_the_server(server, uploaded):
    release, blobs = uploaded

    events = server.apply(Step(PUT, release, phase=PREPARE), FAIL, blobs=blobs)

    assert "refused" == events[-1]["event"]
    assert [] == list((server.land / "releases").iterdir())
    assert release.key not in server.look().owned
    assert [] == list((server.home / "incoming").iterdir())


def test_a_release_that_was_there_before_a_refused_change_stays(server, uploaded):
    release, blobs = uploaded
    server.apply(Step(PUT, release, phase=PREPARE), blobs=blobs)

    events = server.apply(Step(PUT, release, phase=PREPARE), FAIL, blobs=blobs)

    assert "refused" == events[-1]["event"]
    assert (server.land / "releases/one/app.py").exists()
    assert release.key in server.look().owned


def test_a_release_of_a_change_that_nobody_commits_goes(server, uploaded):
    release, blobs = uploaded
    with server.talk() as conversation:
        steps = planned(conversation, (Step(PUT, release, phase=PREPARE), server.put("old")))
        until_ready(begin(conversation, steps, blobs=blobs))
        assert (server.land / "releases/one/app.py").exists()

    assert release.key not in server.look().owned
    assert not (server.land / "releases/one").exists()
