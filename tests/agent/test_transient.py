"""
There is one way to run what is a site's.
"""

from __future__ import annotations

import ast
import os
import pwd
import sys
from pathlib import Path

import pytest

from cinestream_ops.agent import backup_child, sandbox, transient
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Failed, Refused

ROOT = Path(__file__).parents[2]
AGENT = sorted((ROOT / "cinestream_ops/agent").glob("*.py"))
BECOMES = {"setuid", "setgid", "setreuid", "setresuid", "seteuid", "setgroups", "initgroups"}
ASKS_TO = {"user", "group", "extra_groups", "preexec_fn"}
PROGRAMS = {"su", "runuser", "sudo", "setpriv", "chroot", "nsenter", "capsh", "start-stop-daemon"}
# It stays who it is: the agent's own builds end when the agent does.
HARMLESS = {("venvs.py", "setpriv")}


@pytest.mark.parametrize("path", AGENT, ids=lambda path: path.name)
def test_nothing_of_the_agent_becomes_another_user(path: Path):
    found = set(other_ways(ast.parse(path.read_text())))

    assert set() == {each for each in found if (path.name, each) not in HARMLESS}


def other_ways(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in BECOMES:
            yield node.attr
        if isinstance(node, ast.Call) and is_process(node.func):
            yield from (each.arg for each in node.keywords if each.arg in {*ASKS_TO, None})
        if isinstance(node, ast.Constant) and node.value in PROGRAMS:
            yield node.value


def is_process(function: ast.expr) -> bool:
    name = getattr(function, "attr", "") or getattr(function, "id", "")
    return name in {"Popen", "run", "started", "check_call", "check_output", "call"}


def test_the_lint_sees_each_of_the_ways():
    told = "os.setuid(1); Popen(x, user=1); run(x, **more); started(['runuser', '-u'])"

    assert {"setuid", "user", None, "runuser"} == set(other_ways(ast.parse(told)))


def test_our_own_tools_may_do_no_more_than_a_worker():
    lines = (ROOT / "systemd_templates/_sandbox.j2").read_text().splitlines()
    workers = {line for line in lines if "=" in line and not line.startswith(("#", "{#"))}

    # Of places where processes meet, these have none, or see what nobody else writes.
    places = ("PrivateTmp=", "PrivateIPC=", "TemporaryFileSystem=")
    assert {each for each in workers if not each.startswith(places)} == set(sandbox.WORKERS)


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(tmp_path)


def test_who_reads_may_write_nowhere_and_speak_to_nobody(home):
    # A database is copied by its own rules, and SQLite writes beside what it reads.
    for found, places in (
        (sandbox.of_source(home, "blog"), []),
        (sandbox.of_inspecting("/copy"), ["BindPaths=/copy"]),
        (sandbox.of_packing(home, "blog", "/copy"), [f"BindPaths={home}/data /copy"]),
    ):
        writable = ("BindPaths=", "ReadWritePaths=")
        assert places == [each for each in found if each.startswith(writable)]
        assert {"PrivateNetwork=yes", "SystemCallFilter=~@network-io"} < set(found)


def test_who_reads_for_a_site_is_bounded_as_the_site_is(home):
    for found in (sandbox.of_source(home, "blog"), sandbox.of_packing(home, "blog", "/copy")):
        assert "Slice=cinestream-blog.slice" in found


def test_who_reads_a_release_is_no_user_of_the_site(home):
    found = sandbox.of_source(home, "blog")

    assert "DynamicUser=yes" in found
    assert "User=blog" not in found


def test_who_unpacks_may_write_into_the_data_alone(home):
    found = sandbox.of_unpacking(home, "blog")

    assert [f"BindPaths={home}/data"] == [each for each in found if each.startswith("BindPaths")]
    assert "User=blog" in found


def test_a_unit_ends_whole_and_in_time():
    argv = transient.piped("x.service", ["true", "$HOME"], ["User=blog"], 60)

    assert {"--pipe", "--wait", "--service-type=oneshot", "--unit=x.service"} < set(argv)
    assert ["--property=User=blog", "--property=TimeoutStartSec=120", "--", "true", "$$HOME"] == (
        argv[-5:]
    )


# Here no systemd runs, or not for us.
elsewhere = pytest.mark.skipif(transient.has_units(), reason="systemd runs here, and for us")


@elsewhere
def test_without_systemd_nobody_else_is_asked_for(tmp_path):
    other = next(each.pw_name for each in pwd.getpwall() if each.pw_uid != os.geteuid())

    for asked in ([f"User={other}"], ["DynamicUser=yes"]):
        with pytest.raises(Refused, match="systemd does not run here"):
            transient.run("x.service", ["true"], asked, 5, Kit(tmp_path))


@elsewhere
def test_a_program_that_says_very_much_is_told_with_its_last_lines(tmp_path):
    program = (
        "import sys; sys.stderr.write('x' * 79 + '\\n' + 'y' * (8 << 20) + '\\nend\\n'); exit(3)"
    )

    with pytest.raises(Failed) as failed:
        transient.run("x.service", [sys.executable, "-c", program], [], 60, Kit(tmp_path))

    assert failed.value.said.endswith("\nend")
    assert len(failed.value.said) <= transient.PIECE


@elsewhere
def test_a_program_that_closes_its_output_is_still_waited_for(tmp_path):
    program = "import os, time; os.close(1); os.close(2); time.sleep(.3); os._exit(3)"

    with pytest.raises(Failed, match=r"failed \(3\)"):
        transient.run("x.service", [sys.executable, "-c", program], [], 60, Kit(tmp_path))


@elsewhere
def test_what_comes_to_a_stand_is_given_up(tmp_path):
    argv = [sys.executable, "-c", "import time; print('x', flush=True); time.sleep(600)"]

    with (
        Path(os.devnull).open("rb") as nothing,
        backup_child.of_site("read", "blog", argv, [], nothing) as child,
        pytest.raises(Refused, match="came to a stand"),
    ):
        list(child.pieces(Kit(tmp_path).stops, quiet=0.2))
