"""
The agent runs on whatever Python a server has, from 3.9 on.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cinestream_ops.channel.local import local
from cinestream_ops.errors import Unreachable
from cinestream_ops.state.items import Check, EnvFile, Symlink
from tests.conversation.server import Server

KILL = Check("dies", ("sh", "-c", "kill -9 $PPID"))


def pythons() -> dict[str, str]:
    """Each minor version of Python on this machine that the agent must run on."""
    places = ("/usr/bin", "/usr/local/bin", *Path.home().glob(".pyenv/versions/*/bin"))
    found = [str(path) for place in places for path in Path(place).glob("python3.?*")]
    versions = {version(path): path for path in found if path.rpartition(".")[2].isdigit()}
    return {text: path for text, path in sorted(versions.items()) if number(text) >= (3, 9)}


def version(path: str) -> str:
    ask = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    return subprocess.run(
        [path, "-c", ask], capture_output=True, text=True, check=False
    ).stdout.strip()


def number(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split("."))) if text else ()


@pytest.fixture(params=pythons().values(), ids=pythons().keys())
def python(request):
    return request.param


@pytest.fixture
def server(python, tmp_path):
    (tmp_path / "land").mkdir()
    (tmp_path / "land/old").write_bytes(b"old\n")
    streams = lambda home: local(python, str(home))  # noqa: E731
    return Server(streams, tmp_path / "home", tmp_path / "land")


def change(server):
    env = EnvFile(f"{server.land}/.env", "root", "root", generated=(("KEY", "token"),))
    return [server.put("old"), Symlink(f"{server.land}/link", "old"), env]


def test_a_change_is_made(server):
    events = server.apply(*change(server))

    assert {"event": "done"} == events[-1]
    assert {".env", "link", "old"} == set(server.tree())


def test_a_killed_agent_is_recovered(server):
    before = server.tree()
    with pytest.raises(Unreachable):
        server.apply(*change(server), KILL)

    facts = server.look()

    assert facts.recovered["undone"]
    assert before == server.tree()


def test_every_module_can_be_imported(python, tmp_path):
    from cinestream_ops.channel import bundle

    program = tmp_path / "agent"
    program.write_bytes(bundle.program().rpartition(b"from cinestream_ops")[0])
    lines = "\n".join(f"import {name}" for name in bundle.sources())
    program.write_text(f"{program.read_text()}\n{lines}\n")

    done = subprocess.run(
        [python, "-I", "-S", program], capture_output=True, text=True, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)
