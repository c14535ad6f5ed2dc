"""
A program of a site with a real systemd: whose it is, what it may do, and how it ends.
"""

from __future__ import annotations

import shlex
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cinestream_ops import engine
from cinestream_ops.channel.conversation import Conversation, converse
from cinestream_ops.channel.target import Target
from cinestream_ops.errors import Refused, Unreachable
from cinestream_ops.spec import toml
from cinestream_ops.spec.names import Program

BLOG = toml.site("my-blog", {"port": 8001, "release": "1" * 64, "requirements": "2" * 64})
HOME = "/var/www/my-blog"
WORD = "a-word-that-nobody-may-keep"
HARD_ARGUMENTS = ["", "a b", "$HOME", "${HOME}", "$$", "%n", "it's", 'say "ї"', "a\\b", "--", ";"]


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Box:
    """A server with a site of nothing but programs."""

    server: Any

    def talk(self):
        lab = self.server.lab
        target = Target(
            lab.name, lab.address, lab.port, lab.user, lab.identity_file, lab.known_hosts
        )
        return converse(target, ask_host_key=lambda _: False)

    def writes(self, program: str, text: str) -> None:
        path = f"{HOME}/releases/1/{program}"
        self.server.run(f"printf %s {shlex.quote(text)} > {path} && chmod 644 {path}")

    def runs(self, text: str, *arguments: str, timeout: float = 60) -> Said:
        self.writes("hello.py", text)
        heard = {"out": b"", "err": b""}

        def told(to: str, piece: bytes) -> None:
            heard[to] += piece

        with self.talk() as conversation:
            code = engine.run(conversation, BLOG, Program("hello.py"), arguments, timeout, told)
        return Said(code, heard["out"].decode(), heard["err"].decode())

    @property
    def rest(self) -> str:
        """What is left of a program that was run."""
        units = "systemctl list-units --all --no-legend 'cinestream-run-*'"
        return str(self.server.run(f"{units}; pgrep -u my-blog; true"))


@pytest.fixture(scope="module")
def box(each_server):
    server = each_server
    made = Box(server)
    server.run(
        f"useradd --system --home-dir {HOME}/data --shell /usr/sbin/nologin my-blog"
        f" && mkdir -p {HOME}/releases/1 {HOME}/data {HOME}/venvs/1/bin"
        f" && ln -s releases/1 {HOME}/src && ln -s venvs/1 {HOME}/venv"
        f" && ln -s /usr/bin/python3 {HOME}/venvs/1/bin/python"
        f" && printf 'COLOUR=red\\n' > {HOME}/.env && chmod 600 {HOME}/.env"
        f" && chown my-blog:my-blog {HOME}/.env {HOME}/data"
    )
    yield made
    server.run(f"userdel my-blog && rm -r {HOME}")


def until(true: Callable[[], Any], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.2)
    return bool(true())


def test_what_it_writes_is_told_by_its_stream_and_its_exit_code_is_told(box):
    said = box.runs("import sys; print('one'); print('two', file=sys.stderr); sys.exit(7)")

    assert Said(7, "one\n", "two\n") == said
    assert "" == box.rest


def test_it_is_the_sites_user_in_the_sites_home_with_its_environment(box):
    box.writes("helper.py", "")
    program = "import os, sys, helper; print(os.getcwd(), os.environ['COLOUR'], helper.__file__)"

    said = box.runs(f"{program}; print(os.getuid(), os.getgid(), sys.executable)")

    source = f"{HOME}/releases/1"
    account = box.server.run("id -u my-blog; id -g my-blog").replace("\n", " ")
    assert f"{HOME} red {source}/helper.py\n{account} {HOME}/venvs/1/bin/python\n" == said.out


def test_its_arguments_reach_it_as_they_were_written(box):
    said = box.runs("import sys; print(sys.argv[1:])", *HARD_ARGUMENTS)

    assert f"{HARD_ARGUMENTS}\n" == said.out


def test_it_may_write_to_its_data_and_nowhere_else(box):
    program = """
import errno, os, socket
for path in ("data/x", "src/x", ".env", "/tmp/x", "/etc/x", "/var/www/x"):
    try:
        open(path, "a").close()
        print(path)
    except OSError as error:
        pass
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
print(status["NoNewPrivs"].strip(), int(status["CapEff"], 16), status["Seccomp"].strip())
try:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
except OSError as error:
    print(errno.errorcode[error.errno])
"""

    said = box.runs(program)

    # Its /tmp is its own.
    assert "data/x\n/tmp/x\n1 0 2\nEAFNOSUPPORT\n" == said.out
    assert "" == box.server.run("ls /tmp/x 2>/dev/null; true")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_one_that_a_signal_ends_is_told_as_a_shell_tells_it(box, number):
    said = box.runs(f"import os; os.kill(os.getpid(), {number:d})")

    assert 128 + number == said.code
    assert "" == box.rest


def test_a_child_that_hears_no_signal_does_not_outlive_it(box):
    program = """
import subprocess
deaf = "trap '' TERM HUP INT; while :; do sleep 1; done; : stays-behind"
subprocess.Popen(["sh", "-c", deaf], start_new_session=True, stdout=subprocess.DEVNULL)
"""

    said = box.runs(program)

    assert 0 == said.code
    assert "0" == box.server.run("pgrep -fc '[s]tays-behind' || true")
    assert "" == box.rest


def test_one_that_does_not_end_is_stopped_with_its_children(box):
    program = "import subprocess; subprocess.run(['sleep', '1000'])"

    with pytest.raises(Refused, match="did not end within 1 s"):
        box.runs(program, timeout=1)

    assert "" == box.rest


def test_it_ends_when_nobody_listens_any_more(box):
    box.writes("hello.py", "import time\nprint('begun', flush=True)\ntime.sleep(1000)")
    with box.talk() as conversation:
        hear_and_hang_up(conversation)

    assert until(lambda: box.rest == "")


def hear_and_hang_up(conversation: Conversation) -> None:
    def hang_up(*_: object) -> None:
        raise Unreachable("the owner's machine is switched off")

    with pytest.raises(Unreachable):
        engine.run(conversation, BLOG, Program("hello.py"), (), 60, hang_up)


def test_systemd_has_an_end_for_it_should_the_agent_be_killed(box):
    box.writes("hello.py", "import time\nprint('begun', flush=True)\ntime.sleep(2)")
    ends = []

    def told(*_: object) -> None:
        ends.append(box.server.run("systemctl show -P TimeoutStartUSec 'cinestream-run-*'"))

    with box.talk() as conversation:
        engine.run(conversation, BLOG, Program("hello.py"), (), 30, told)

    assert {"1min 30s"} == set(ends) - {""}  # what had ended when we asked


def test_a_release_that_comes_meanwhile_is_not_mixed_in(box):
    box.server.run(f"mkdir -p {HOME}/releases/2 && echo 'N = 2' > {HOME}/releases/2/late.py")
    box.writes("late.py", "N = 1")
    box.writes(
        "hello.py",
        "print('begun', flush=True)\nimport time; time.sleep(2)\nimport late\nprint(late.N)",
    )
    heard = []

    def told(_: str, piece: bytes) -> None:
        if not heard:
            box.server.run(f"ln -sfn releases/2 {HOME}/src")
        heard.append(piece)

    with box.talk() as conversation:
        engine.run(conversation, BLOG, Program("hello.py"), (), 60, told)
    box.server.run(f"ln -sfn releases/1 {HOME}/src")

    assert b"begun\n1\n" == b"".join(heard)


def test_its_arguments_are_in_no_log_and_no_history(box):
    box.runs("print('well')", WORD)

    assert "0" == box.server.run(
        f"journalctl --namespace='*' --no-pager -o verbose | grep -c {WORD}; true"
    )
    assert "" == box.server.run(f"grep -rl {WORD} /var/lib/cinestream /run/systemd || true")
