"""
Trees are removed however deep, closed or long-winded they are, and nothing beside them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cinestream_ops.agent.erase import Walk, erase, weight
from cinestream_ops.agent.place import Place

# Folders: more than Python calls itself (1000), of a path longer than PATH_MAX (4096).
DEEP = 1100


def dig(top: Path, depth: int, mode: int = 0o700) -> None:
    """*depth* nested folders, whose path is longer than PATH_MAX, with a file in the last."""
    here = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("nestling", dir_fd=here)
        below = os.open("nestling", os.O_RDONLY, dir_fd=here)
        os.chmod("nestling", mode, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("egg", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)


def gone(path: Path) -> None:
    with Place(str(path)) as here:
        here.discard(path.name)
    assert not os.path.lexists(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root goes into what is closed to its owner")
def test_folders_that_are_closed_go(tmp_path: Path):
    tree = tmp_path / "tree"
    tree.mkdir()
    dig(tree, 20, mode=0)
    tree.chmod(0)

    gone(tree)


def test_links_are_removed_and_what_they_lead_to_stays(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").touch()
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(tmp_path / "kept")
    os.mkfifo(tree / "pipe")
    (tree / "loop").symlink_to(tree)

    gone(tree)

    assert (tmp_path / "kept/file").exists()


def test_more_names_than_are_kept_in_mind_go(tmp_path: Path):
    tree = tmp_path / "tree"
    for n in range(30):
        (tree / f"{n % 3}").mkdir(parents=True, exist_ok=True)
        (tree / f"{n % 3}/{n}").touch()
    top = os.open(tmp_path, os.O_RDONLY)
    try:
        assert 3 == sum(1 for _ in Walk(top, many=1))  # the rest is for the next walk
        erase(top, "tree")
    finally:
        os.close(top)

    assert not tree.exists()


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """A tree with a folder in it that is another one, on the same file system."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").touch()
    (tmp_path / "tree/a/mnt").mkdir(parents=True)
    (tmp_path / "tree/b").mkdir()
    (tmp_path / "tree/b/other").touch()
    return tmp_path


MOUNTED = """
import sys
from cinestream_ops.agent.place import Place
from cinestream_ops.agent.refused import Refused
try:
    with Place(sys.argv[1]) as here:
        here.discard(here.name)
except Refused as error:
    print(error.why, error.hint, sep="; ")
"""


def test_what_is_mounted_stays_and_is_told_and_all_else_goes(mounted: Path):
    script = 'mount --bind "$1/kept" "$1/tree/a/mnt" && exec "$2" -c "$3" "$1/tree"'
    python = sys.executable
    said = subprocess.run(
        ["unshare", "--mount", "sh", "-euc", script, "sh", str(mounted), python, MOUNTED],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert f"`{mounted}/tree/a/mnt` is a mount point; unmount it, and try again\n" == said
    assert (mounted / "kept/file").exists()
    assert not (mounted / "tree/b").exists()


def test_nested_folders_beyond_any_path_or_recursion_are_weighed_and_go(tmp_path: Path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/file").write_bytes(b"x" * 70)
    (tmp_path / "tree/up").symlink_to(tmp_path)
    dig(tmp_path / "tree", DEEP)

    assert 70 + len(str(tmp_path)) == weight(f"{tmp_path}/tree")

    gone(tmp_path / "tree")
