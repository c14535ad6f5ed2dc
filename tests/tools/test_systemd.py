"""
Every unit that a case becomes: read by systemd without a word, and rated by it.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.render import case

pytestmark = pytest.mark.slow
UNITS = "/etc/systemd/system/"
MOST_EXPOSED = 2.0
# Root, who may become a site's user; a worker may become nobody.
MOST_EXPOSED_OF_ROOT = 2.4
each_case = pytest.mark.parametrize("path", case.paths(), ids=lambda path: path.stem)


def lay_out(path: Path, root: Path) -> list[Path]:
    """The units of the case at *path*; a template is called by its first port."""
    units = []
    for name, content in case.read(path).files.items():
        if name.startswith(UNITS):
            unit = root / name.removeprefix(UNITS)
            unit.parent.mkdir(exist_ok=True)
            # Programs of a site are on no machine of ours.
            unit.write_text(
                re.sub(r"^(Exec\w+=)/\S+", r"\1/usr/bin/true", content, flags=re.MULTILINE)
            )
            # What is dropped in beside a unit of another's is no unit.
            if unit.parent == root:
                units.append(unit)
    return units


def instance(unit: Path) -> str:
    return unit.name.replace("@.", "@8001.")


@each_case
def test_systemd_has_nothing_to_say(path, tmp_path):
    units = lay_out(path, tmp_path)

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *map(instance, units)],
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin"},
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )

    ours = [line for line in done.stderr.splitlines() if any(unit.stem in line for unit in units)]
    assert [] == ours
    assert 0 == done.returncode


RATED = [
    ("bundled", "movie_app@.service"),
    ("bundled", "movie_app-refresh.service"),
    ("own", "my-shop@.service"),
    ("own", "my-shop-refresh.service"),
    ("server", "mongodb.service"),
]


@pytest.mark.parametrize(("name", "unit"), RATED)
def test_what_runs_for_others_is_hardly_exposed(name, unit, tmp_path):
    lay_out(case.CASES / f"{name}.txt", tmp_path)

    assert exposure(tmp_path / unit) <= MOST_EXPOSED


def test_what_saves_sites_is_little_exposed(tmp_path):
    lay_out(case.CASES / "backup.txt", tmp_path)

    assert exposure(tmp_path / "cinestream-backup-shop.service") <= MOST_EXPOSED_OF_ROOT


def test_what_loads_the_firewall_is_hardly_exposed(tmp_path):
    lay_out(case.CASES / "server.txt", tmp_path)

    assert exposure(tmp_path / "cinestream-firewall.service") <= MOST_EXPOSED


def exposure(unit: Path) -> float:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", unit],
        check=False,
        capture_output=True,
        text=True,
    )
    [rating] = re.findall(r"Overall exposure level for .*: ([\d.]+)", done.stdout)
    return float(rating)


CALENDARS = [
    "daily",
    "*-*-* 04:30",
    "Mon..Fri 09:00 UTC",
    "*:0/15",
    "*-*~1",
    "Mon,Wed *-*-1..7 4:00:00",
]


@pytest.mark.parametrize("calendar", CALENDARS)
def test_systemd_knows_the_times_that_we_take(calendar):
    done = subprocess.run(
        ["systemd-analyze", "calendar", calendar], check=False, capture_output=True
    )

    assert 0 == done.returncode
