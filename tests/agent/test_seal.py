"""
What somebody else made is copied without trusting a name of it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.seal import Seal

PYTHON = "/usr/bin/python3"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    (tmp_path / "made/bin").mkdir(parents=True)
    return tmp_path / "made"


def sealed(made: Path, owner: int | None = None) -> Path:
    target = made.parent / "target"
    target.mkdir()
    seal = Seal(os.geteuid() if owner is None else owner, {PYTHON})
    seal.tree(str(made), str(target), {"requirements.txt"})
    return target


def test_no_file_of_the_copy_is_one_of_the_maker(made):
    for name in ("one", "two"):
        (made / name).write_text(name)
    (made / "twin").hardlink_to(made / "one")

    target = sealed(made)

    theirs = {path.stat().st_ino for path in made.iterdir()}
    found = {path.name: path.stat() for path in target.iterdir() if path.is_file()}
    assert {"one", "twin", "two"} == found.keys()
    assert theirs.isdisjoint(each.st_ino for each in found.values())
    assert {1} == {each.st_nlink for each in found.values()}


def test_nobody_else_may_write_there_and_nothing_gives_rights(made):
    for mode in (0o6777, 0o666, 0o600):
        (made / "bin" / f"{mode:o}").write_text("")
        (made / "bin" / f"{mode:o}").chmod(mode)
    (made / "bin").chmod(0o3777)

    target = sealed(made)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (target / "bin").iterdir()}
    assert {"6777": 0o755, "666": 0o644, "600": 0o644} == modes
    assert 0o755 == stat.S_IMODE((target / "bin").stat().st_mode)


def test_bytecode_still_goes_by_the_time_of_its_source(made):
    (made / "shop.py").write_text("")
    os.utime(made / "shop.py", (1, 12345))

    assert 12345 == sealed(made).joinpath("shop.py").stat().st_mtime


def test_links_beside_and_to_python_stay(made):
    (made / "bin/python").symlink_to(PYTHON)
    (made / "bin/python3").symlink_to("python")

    target = sealed(made)

    assert Path(PYTHON) == (target / "bin/python").readlink()
    assert Path("python") == (target / "bin/python3").readlink()


def test_what_root_adds_itself_is_left_to_root(made):
    (made / "requirements.txt").mkdir()

    assert ["bin"] == [path.name for path in sealed(made).iterdir()]


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 43)


def deep(path: Path) -> None:
    here = os.open(path.parent, os.O_RDONLY)
    try:
        for _ in range(80):
            os.mkdir("a", dir_fd=here)
            below = os.open("a", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
    finally:
        os.close(here)


@pytest.mark.parametrize(
    ("plant", "why"),
    [
        (lambda path: path.symlink_to("/etc/shadow"), "leads to `/etc/shadow`"),
        (lambda path: path.symlink_to(".."), "leads to `..`"),
        (lambda path: path.symlink_to("bin/../../../.env"), "leads to `bin/../../../.env`"),
        (lambda path: path.symlink_to(f"{PYTHON}/"), "leads to"),
        (os.mkfifo, "is neither a file, a folder nor a link"),
        (sparse, "more than the disk"),
        (deep, "is too deep"),
        (lambda path: (path.parent / "\x1b[2J").symlink_to("/"), r"`\x1b[2J`"),
    ],
)
def test_what_has_no_place_in_an_environment_is_refused(
    made: Path, plant: Callable[[Path], object], why: str
):
    plant(made / "planted")

    with pytest.raises(Refused) as refused:
        sealed(made)

    assert why in refused.value.why


def test_what_is_not_the_makers_own_is_refused(made):
    (made / "one").write_text("")

    with pytest.raises(Refused, match="is somebody else's"):
        sealed(made, os.geteuid() + 1)
