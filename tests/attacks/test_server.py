"""
A server in strange hands: whatever it answers, its owner is told one sentence.

The other side of the conversation speaks the protocol, and means harm.
"""

import io
import json
import unicodedata
import zlib
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cinestream_ops.channel import inventory
from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.channel.target import parse
from cinestream_ops.cli import commands, early, fail
from cinestream_ops.state import frames, items
from cinestream_ops.state.items import EnvFile, File, Symlink, Unit

MACHINE = {
    "os": "debian", "version": "12", "arch": "x86_64", "cpus": 2, "memory": 1 << 31, "swap": 0,
    "disk_free": 1 << 33, "nginx": "1.22.1", "python": "3.11.2", "hostname": "web1",
    "addresses": ["192.0.2.1"], "avx": True, "now": 1.7e9,
}  # fmt: skip
SERVER = 'cinestream = "0.1.0"\n[mongodb]\nmode = "none"\n'
SITE = 'port = 8001\nworkers = 1\nsource = "/srv"\nwsgi = "a:b"\ndatabase = false\n'
ITEMS = (
    File("/etc/motd", b""),
    Symlink("/var/www/blog/src", "releases/x"),
    EnvFile("/var/www/blog/.env", "blog", "blog"),
    Unit("blog@8001.service"),
)
MARKS = {"mode": 384, "owner": "blog", "group": "blog"}
FACTS = {
    "event": "facts",
    "machine": MACHINE,
    "specs": {"server.toml": SERVER, "sites/blog.toml": SITE},
    "items": {
        ITEMS[0].key: ITEMS[0].mark,
        ITEMS[1].key: ITEMS[1].mark,
        ITEMS[2].key: {**MARKS, "plain": {"PORT": "1"}, "hidden": ["SECRET_KEY"]},
        ITEMS[3].key: ITEMS[3].mark,
    },
    "owned": {
        each.key: {"words": items.words(each), "fact": each.mark, "site": "blog"} for each in ITEMS
    },
    "listeners": [22, 8001],
    "certificates": {
        "blog.example": {
            "state": "issued", "names": ["blog.example"], "reason": "no", "hint": "yes",
            "not_after": 1.8e9, "next_try": 0,
        }
    },
    "recovered": {"undone": ["file:/etc/motd"], "failed": {"unit:x": "it would not"}},
    "busy": False,
}  # fmt: skip
WORKER = {
    "unit": "blog@8001.service", "state": "failed", "sub": "dead", "pid": 0, "memory": 0,
    "restarts": 3, "since": 0.0, "ready": False, "why": "does not run", "ended": "ended with 1",
    "squatter": "",
}  # fmt: skip
FINDING = {"level": "stop", "what": "no disk", "hint": "buy one"}
CHANGE = {
    "when": 1.7e9, "who": "ann@laptop", "doing": "deploy blog", "outcome": "recovered",
    "why": "no", "steps": 3, "seconds": 1.0,
}  # fmt: skip
CHECKED = {
    "name": "blog.example",
    "token": {"192.0.2.1": "no"},
    "why": "no",
    "hint": "yes",
    "a": [],
}
WAITING = {"event": "waiting", "for": "`bob`"}
ANSWERS: dict[str, list[dict[str, Any]]] = {
    "look": [WAITING, FACTS],
    "status": [
        {"event": "status", "sites": [{"name": "blog", "workers": [WORKER]}], "mongodb": ""}
    ],
    "history": [{"event": "history", "entries": [CHANGE]}],
    "examine": [{"event": "findings", "findings": [FINDING]}],
    "check-domain": [{"event": "findings", "findings": [CHECKED]}],
    "logs": [{"event": "line", "text": "hello"}, {"event": "done"}],
    "run": [{"event": "output", "to": "out", "data": "aGVsbG8="}, {"event": "ended", "code": 0}],
    "apply": [
        {"event": "progress", "key": "k", "text": "much", "done": 1, "total": 2},
        {
            "event": "step",
            "verb": "put",
            "key": "file:/etc/motd",
            "state": "end",
            "phase": "change",
        },
        {"event": "said", "key": "k", "text": "hook"},
        {"event": "refused", "why": "no", "hint": "yes", "kind": "refused", "restored": False},
    ],
    "read": [{"event": "contents", "files": {}}],
    "backup": [
        {
            "event": "backup", "size": 1, "sites": {}, "release": 1, "data": 1, "database": 1,
            "new_user": False, "faults": [], "missing": [],
        }
    ],
}  # fmt: skip
COMMANDS = (
    "sites", "show blog", "status", "status blog", "doctor", "history", "recover", "plan --diff",
    "domain list", "domain check", "env list blog", "logs blog", "releases blog",
    "edit-site blog --memory 300 --yes", "stop blog --yes", "remove-site blog --yes",
    "edit-site blog --workers 2 --plan --json", "backup create blog --to {to} --passphrase-file {key}",
)  # fmt: skip
TARGET = parse("root@192.0.2.1")


@dataclass
class Hostile:
    """Answers each order as *answers* say; one that is bytes is sent as it is."""

    answers: dict[str, list[Any]]
    heard: io.BytesIO = field(default_factory=io.BytesIO)
    rest: bytes = b""

    def write(self, piece: bytes) -> int:
        self.rest += bytes(piece)
        return len(piece)

    def flush(self) -> None:
        """Hear the frames that are there, and have the answers ready."""
        stream = io.BytesIO(self.rest)
        with suppress(EOFError):
            while True:
                frame = frames.receive(stream)
                self.rest = stream.getbuffer()[stream.tell() :].tobytes()
                with suppress(ValueError, KeyError, zlib.error):
                    self.answer(json.loads(zlib.decompress(frame))["do"])

    def answer(self, do: str) -> None:
        place = self.heard.tell()
        self.heard.seek(0, io.SEEK_END)
        for each in self.answers.get(do, ()):
            if isinstance(each, bytes):
                self.heard.write(each)
            else:
                frames.send(self.heard, zlib.compress(json.dumps(each).encode()))
        self.heard.seek(place)

    def failure(self) -> None:
        return None

    def drop(self) -> None:
        pass

    @contextmanager
    def conversation(self):
        yield Conversation(self, self.heard, TARGET)


@dataclass(frozen=True)
class Told:
    code: int
    said: str


def tells(answers: dict[str, list[Any]], line: str, tmp_path) -> Told:
    """What `cinestream` says to its owner, and how it ends, when such a server answers it."""
    key = tmp_path / "key"
    key.write_text("correct horse battery staple\n")
    words = line.format(to=tmp_path / "backups", key=key).split()
    early.begun[inventory.resolve(TARGET.address, {})] = Hostile(answers)
    root = commands.root("cinestream")
    said, code = io.StringIO(), 0
    with redirect_stdout(said), redirect_stderr(said):
        try:
            with fail.telling(words):
                more = [*words, "--server", TARGET.address]
                with root.make_context("cinestream", more) as context:
                    root.invoke(context)
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            early.end()
    return Told(code, said.getvalue())


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Nothing of the owner's own."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))


@pytest.mark.parametrize("line", COMMANDS)
def test_the_server_is_understood_when_it_means_well(line, tmp_path):
    """Else the attacks would prove nothing."""
    told = tells(ANSWERS, line, tmp_path)

    assert "no answer of ours" not in told.said
    assert told.code in (0, 1), told.said


def leaves(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places in *value*, its own included."""
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    return [at, *(place for key, each in inner for place in leaves(each, (*at, key)))]


def replaced(value: Any, at: tuple[Any, ...], by: Any) -> Any:
    if not at:
        return by
    made = deepcopy(value)
    inside = made
    for key in at[:-1]:
        inside = inside[key]
    inside[at[-1]] = by
    return made


def without(value: Any, at: tuple[Any, ...]) -> Any:
    made = deepcopy(value)
    inside = made
    for key in at[:-1]:
        inside = inside[key]
    del inside[at[-1]]
    return made


NASTY = "\x1b]0;x\x07\x9b2J\u202e\u200b\ud800\n[red]Done: x"
WRONG = (
    None, True, -1, 2**70, 1e300, "", "x", NASTY, [], [None], {}, {"x": {}}, [[]], [["a", 1]],
    json.loads('{"a":' * 60 + "1" + "}" * 60),
)  # fmt: skip
PLACES = [
    (do, number, place)
    for do, events in ANSWERS.items()
    for number, event in enumerate(events)
    for place in leaves(event)
]
lines = st.sampled_from(COMMANDS)
places = st.sampled_from(PLACES)
anything = st.sampled_from(WRONG) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
fuzzing = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def hold(told: Told) -> None:
    """One sentence or an answer, and nothing that a terminal obeys."""
    assert told.code in (0, 1), told.said
    letters = told.said.replace("\n", "").replace("\t", "")
    assert not [each for each in letters if unicodedata.category(each)[0] == "C"], told.said


@fuzzing
@given(lines, places, anything)
def test_an_answer_that_is_changed_somewhere_is_a_sentence(tmp_path, line, place, value):
    do, number, at = place
    events = [*ANSWERS[do]]
    events[number] = replaced(events[number], at, value)

    hold(tells({**ANSWERS, do: events}, line, tmp_path))


@fuzzing
@given(lines, places)
def test_an_answer_that_lacks_something_is_a_sentence(tmp_path, line, place):
    do, number, at = place
    events = [*ANSWERS[do]]
    events[number : number + 1] = [without(events[number], at)] if at else []

    hold(tells({**ANSWERS, do: events}, line, tmp_path))


@fuzzing
@given(lines, st.sampled_from([*ANSWERS]), st.binary(max_size=64))
def test_bytes_in_place_of_an_answer_are_a_sentence(tmp_path, line, do, piece):
    hold(tells({**ANSWERS, do: [piece]}, line, tmp_path))


@fuzzing
@given(lines, st.sampled_from([*ANSWERS]), st.sampled_from([*ANSWERS]))
def test_the_answer_to_something_else_is_a_sentence(tmp_path, line, do, other):
    hold(tells({**ANSWERS, do: ANSWERS[other]}, line, tmp_path))


def test_one_sentence_says_what_was_wrong(tmp_path):
    told = tells({**ANSWERS, "look": [without(FACTS, ("machine",))]}, "sites", tmp_path)

    sentence = "the server answered with something that is no answer of ours"
    assert (1, f"error: {sentence}: `facts` without its `machine`") == (
        told.code,
        told.said.splitlines()[0],
    )
