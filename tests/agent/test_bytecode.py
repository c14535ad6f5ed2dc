"""
A release is compiled when it is made, by whoever may write there.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cinestream_ops.agent import releases, trees
from cinestream_ops.agent.kit import Kit, nobody
from cinestream_ops.engine.trees import tar
from cinestream_ops.state.items import Release
from cinestream_ops.state.steps import PUT, Step

MODULE = "def place():\n    return place.__code__.co_filename\n"


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """As the agent sets it before it does anything."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    (root / "shop").mkdir(parents=True)
    (root / "shop/__init__.py").write_text("")
    (root / "shop/wsgi.py").write_text(MODULE)
    return root


def made(source: Path, tell=nobody) -> Release:
    home = source.parent
    release = Release(str(home / "releases" / "1"), "blob")
    releases.do(Step(PUT, release), Kit(home, tell, {"blob": tar(source)}))
    return release


def bytecode(path: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(path)))


def imported(release: Release, statement: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-B", "-v", "-c", statement]
    return subprocess.run(argv, cwd=release.path, capture_output=True, text=True, check=True)


def test_a_module_is_imported_from_its_bytecode(source):
    release = made(source)

    done = imported(release, "import shop.wsgi")

    module = f"{release.path}/shop/wsgi.py"
    assert f"{bytecode(Path(module))} matches {module}" in done.stderr
    assert "wrote" not in done.stderr


def test_a_trace_names_the_module_where_it_stays(source):
    release = made(source)

    done = imported(release, "import shop.wsgi; print(shop.wsgi.place())")

    assert f"{release.path}/shop/wsgi.py\n" == done.stdout
    assert b".partial" not in bytecode(Path(release.path, "shop/wsgi.py")).read_bytes()


def test_everybody_may_read_it_and_nobody_else_may_write(source):
    found = bytecode(Path(made(source).path, "shop/wsgi.py"))

    modes = [path.stat().st_mode & 0o7777 for path in (found, found.parent)]

    assert [0o644, 0o755] == modes
    assert os.geteuid() == found.stat().st_uid


def test_what_is_no_python_is_no_hindrance(source):
    (source / "shop/new.py").write_text("class {{ name }}:\n")
    (source / "shop/odd.py").write_bytes(b"\0\xff")

    release = made(source)

    assert {release.key: release.mark} == trees.look([release])
    assert bytecode(Path(release.path, "shop/wsgi.py")).exists()
    assert not bytecode(Path(release.path, "shop/new.py")).exists()


def test_a_release_that_is_cut_off_while_it_is_compiled_leaves_nothing(source):
    def hang_up(_event, **details):
        if details["text"] == "compiling":
            raise EOFError("hung up")

    with pytest.raises(EOFError):
        made(source, hang_up)

    assert [] == list((source.parent / "releases").iterdir())


def test_what_compiles_is_none_of_the_modules_around_it(source, monkeypatch):
    monkeypatch.chdir(source)
    (source / "compileall.py").write_text("raise SystemExit('imported')\n")

    assert bytecode(Path(made(source).path, "shop/wsgi.py")).exists()
