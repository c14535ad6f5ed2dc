"""
Where systemd reads the variables of a site, and what it does not take from there.

It reads them as root, and follows any link on the way: so nobody else may lay one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from cinestream_ops.desired import program
from cinestream_ops.render.render import folder
from cinestream_ops.spec import toml
from cinestream_ops.state import environment
from cinestream_ops.state.items import Directory, File, Hook, Item, Trial
from tests.desired.world import DEPLOYED, OWN, of, wanted

JOBS = {"program": "jobs/tell.py", "calendar": "*-*-* 06:00 UTC"}
HOOKS = {"hooks": {"pre": "migrate.py", "post": "tell.py"}}
SITES = [{**DEPLOYED, **HOOKS, "refresh": JOBS}, {**OWN, **HOOKS, "refresh": JOBS}]


def texts(spec: dict, made: tuple[Item, ...]) -> Iterator[list[str]]:
    """The lines of each unit of a site, and of what is given to systemd-run."""
    yield list(program.properties(toml.site("blog", spec)))
    for item in made:
        if isinstance(item, File) and item.path.startswith("/etc/systemd/"):
            yield item.content.decode().splitlines()
        if isinstance(item, Hook | Trial):
            yield list(item.properties)


def test_no_other_template_names_such_a_file():
    named = [
        path.name for path in folder("systemd").iterdir() if "EnvironmentFile=" in path.read_text()
    ]

    assert ["site-refresh.service.j2", "site-run.properties.j2"] == sorted(named)


@pytest.mark.parametrize("spec", SITES)
def test_every_such_file_is_in_a_folder_that_is_roots_alone(spec):
    _, made = wanted(spec)
    folders = of(Directory, made)
    found = [
        line.partition("=")[2].removeprefix("-")
        for text in texts(spec, made)
        for line in text
        if line.startswith("EnvironmentFile=")
    ]

    assert found
    for path in found:
        home = folders[str(PurePosixPath(path).parent)]
        assert ("root", 0) == (home.owner, home.mode & 0o022)


@pytest.mark.parametrize("spec", SITES)
def test_what_decides_which_program_runs_is_not_taken_from_it(spec):
    _, made = wanted(spec)
    for text in texts(spec, made):
        if any(line.startswith("EnvironmentFile=") for line in text):
            [unset] = [line for line in text if line.startswith("UnsetEnvironment=")]
            assert set(environment.STEERING) == set(unset.partition("=")[2].split())


@pytest.mark.parametrize("spec", SITES)
def test_what_it_does_need_of_these_is_settled_by_us(spec):
    _, made = wanted(spec)
    argvs = [list(item.argv) for item in made if isinstance(item, Hook | Trial)]
    refresh = of(File, made)["/etc/systemd/system/blog-refresh.service"].content.decode()
    if "EnvironmentFile=" in refresh:
        [start] = [line for line in refresh.splitlines() if line.startswith("ExecStart=")]
        argvs.append(start.partition("=")[2].split())

    for argv in argvs:
        assert "/usr/bin/env" == argv[0]
        settled = [word.partition("=")[0] for word in argv[1:] if "=" in word.split("/")[0]]
        assert environment.SETTLED == set(settled)
