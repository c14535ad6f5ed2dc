"""
What of a source travels to a server, and what stays on its owner's machine.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cinestream_ops.engine.selection import Meant, selection
from cinestream_ops.engine.source_error import SourceError

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-C")


def write(root: Path, *names: str, text: str = "x\n") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def git(root: Path, *words: str) -> None:
    subprocess.run([*GIT, str(root), *words], check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "work/site"
    write(root, "app.py", "media/film.mp4", "static/src/a.js", "static/dist/a.js", "notes.txt")
    return root


@pytest.fixture
def ignoring(tree: Path) -> Path:
    write(tree, ".gitignore", text="media/\ndist/\n")
    return tree


def travels(root: Path, meant: Meant = Meant()) -> set[str]:  # noqa: B008
    return {path.relative_to(root).as_posix() for path in selection(root, meant).files}


def stays(root: Path, meant: Meant = Meant()) -> dict[str, str]:  # noqa: B008
    return {each.path: each.why for each in selection(root, meant).left_out}


ALL = {"app.py", "media/film.mp4", "static/src/a.js", "static/dist/a.js", "notes.txt"}
NOT_IGNORED = {".gitignore", "app.py", "static/src/a.js", "notes.txt"}


def test_without_git_everything_travels(tree):
    assert travels(tree) == ALL
    assert stays(tree) == {}


def test_what_git_ignores_stays_and_is_told_by_its_folder(ignoring):
    git(ignoring, "init", "-q")

    assert travels(ignoring) == NOT_IGNORED
    assert stays(ignoring) == {
        ".git/": "history or cache",
        "media/": "ignored by git",
        "static/dist/": "ignored by git",
    }


def test_a_gitignore_is_heeded_where_there_is_no_repository(ignoring):
    assert travels(ignoring) == NOT_IGNORED


def test_what_is_committed_travels_although_it_is_ignored(ignoring):
    git(ignoring, "init", "-q")
    git(ignoring, "add", "--force", "media")

    assert "media/film.mp4" in travels(ignoring)


def test_a_gitignore_deeper_down_and_one_above_the_source_count_too(tree):
    git(tree.parent, "init", "-q")
    write(tree.parent, ".gitignore", text="media/\n")
    write(tree, "static/.gitignore", text="*\n!src\n!src/**\n")

    assert travels(tree) == {"app.py", "notes.txt", "static/src/a.js"}


def test_a_home_that_is_a_repository_and_ignores_everything_does_not_count(tree):
    git(tree.parent, "init", "-q")
    write(tree.parent, ".gitignore", text="*\n")

    assert travels(tree) == ALL


def test_a_repository_within_another_looks_after_itself(ignoring):
    git(ignoring, "init", "-q")
    write(ignoring, "lib/one.py", "lib/two.py")
    write(ignoring, "lib/.gitignore", text="two.py\n")
    git(ignoring / "lib", "init", "-q")

    assert {"lib/one.py", "lib/.gitignore"} == travels(ignoring) - NOT_IGNORED


def test_a_repository_within_another_is_ignored_as_a_whole(ignoring):
    git(ignoring, "init", "-q")
    write(ignoring, "media/archive/one.py")
    git(ignoring / "media/archive", "init", "-q")

    assert travels(ignoring) == NOT_IGNORED


def test_a_submodule_that_is_there_travels(ignoring, tmp_path):
    other = tmp_path / "other"
    write(other, "lib.py")
    git(other, "init", "-q")
    git(other, "add", "-A")
    git(other, "commit", "-qm", "all")
    git(ignoring, "init", "-q")
    git(ignoring, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "sub")

    assert "sub/lib.py" in travels(ignoring)


def test_nothing_that_a_strangers_repository_names_is_run(ignoring, tmp_path):
    program = tmp_path / "evil"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    git(ignoring, "init", "-q")
    git(ignoring, "add", "app.py")
    for key in ("core.fsmonitor", "core.sshCommand", "core.pager", "core.editor"):
        git(ignoring, "config", key, str(program))

    assert travels(ignoring) == NOT_IGNORED
    assert not (tmp_path / "ran").exists()


def test_a_strangers_repository_cannot_have_more_sent_than_is_in_the_source(ignoring, tmp_path):
    write(tmp_path, "private.txt")
    git(ignoring, "init", "-q")
    git(ignoring, "config", "core.worktree", str(tmp_path))

    assert travels(ignoring) == NOT_IGNORED


def test_a_hook_of_git_that_deploys_asks_about_the_source(ignoring, tmp_path, monkeypatch):
    write(tmp_path / "else", "a")
    git(tmp_path / "else", "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "else/.git"))

    assert travels(ignoring) == NOT_IGNORED


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        ".env.production",
        ".envrc",
        "prod.env",
        ".envs/.production/db",
        "a/.env.local",
        "..env.swp",
        ".ENV",
    ],
)
def test_environments_stay(tree, name):
    write(tree, name)

    assert travels(tree) == ALL
    assert ["environment"] == list(stays(tree).values())


def test_a_link_to_an_environment_stays_too(tree):
    write(tree, ".env")
    (tree / "settings.txt").symlink_to(".env")

    assert travels(tree) == ALL
    assert stays(tree) == {".env": "environment", "settings.txt": "environment"}


def test_a_virtual_environment_stays_and_a_package_of_that_name_travels(tree):
    write(tree, "venv/__init__.py", "mine/pyvenv.cfg", "mine/bin/python")

    assert travels(tree) == {*ALL, "venv/__init__.py"}
    assert stays(tree) == {"mine/": "installed packages"}


def test_links_that_cannot_be_sent_are_told(tree):
    (tree / "styles").symlink_to("static/src")
    (tree / "gone").symlink_to("nowhere")
    os.mkfifo(tree / "pipe")

    assert travels(tree) == ALL
    assert stays(tree) == {
        "gone": "link to nothing",
        "pipe": "neither file nor folder",
        "styles": "link to a folder",
    }


def test_a_link_out_of_the_source_is_refused(tree, tmp_path):
    write(tmp_path, "private.txt")
    (tree / "mine.txt").symlink_to(tmp_path / "private.txt")

    with pytest.raises(SourceError, match="leads out of"):
        selection(tree)


def test_what_was_built_is_included_although_it_is_ignored(ignoring):
    assert travels(ignoring, Meant(includes=["static/dist"])) == {*NOT_IGNORED, "static/dist/a.js"}


def test_a_source_may_not_include_an_environment_and_its_owner_may_send_it(tree):
    write(tree, ".env", ".envs/one/key", ".envs/two/key")

    assert travels(tree, Meant(includes=[".env", ".envs"])) == ALL
    assert travels(tree, Meant(sends=[".env", ".envs/one"])) == {*ALL, ".env", ".envs/one/key"}
