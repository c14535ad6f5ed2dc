"""
What is published: the wheel, built from this checkout and installed where nothing else is.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = "cinestream_ops/_shipped"

pytestmark = pytest.mark.slow


def run(*argv: object, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ".", cwd=ROOT)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def names(wheel):
    with ZipFile(wheel) as box:
        return set(box.namelist())


@pytest.fixture(scope="module")
def home(wheel, tmp_path_factory):
    """An environment that has the wheel alone; what it depends on is lent by ours."""
    home = tmp_path_factory.mktemp("home")
    run(sys.executable, "-m", "venv", "--without-pip", home / "venv", cwd=home)
    python = home / "venv/bin/python"
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=home)
    site = next((home / "venv/lib").glob("python*/site-packages"))
    # A path in a .pth file is searched last, and its own .pth files (our checkout) are not read.
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home


def test_the_installed_command_tells_its_version(home):
    told = run(home / "venv/bin/cinestream", "--version", cwd=home)

    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", told)


def test_the_installed_command_and_the_module_give_the_same_help(home):
    told = run(home / "venv/bin/cinestream", "--help", cwd=home)

    assert "add-site" in told
    assert told == run(home / "venv/bin/python", "-m", "cinestream_ops", "--help", cwd=home)


def test_the_installed_package_finds_what_it_ships(home):
    lines = (
        "import cinestream_ops",
        "from cinestream_ops.engine.shipped import folder, shipped",
        "from cinestream_ops.engine.source import read_source",
        "assert shipped().tools and shipped().runner and shipped().agent",
        "assert read_source('bundled', wsgi='').uploads",
        "print(cinestream_ops.__file__, folder('nginx_templates'), sep='\\n')",
    )

    told = run(home / "venv/bin/python", "-c", "\n".join(lines), cwd=home)

    assert all(line.startswith(str(home)) for line in told.splitlines())


def test_every_template_and_the_tenant_are_inside(names):
    folders = ("nginx_templates", "systemd_templates", "site_template/src")
    wanted = {
        f"{SHIPPED}/{path.relative_to(ROOT).as_posix()}"
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    requirements = {
        f"{SHIPPED}/{path}"
        for path in (
            "requirements/runner.txt",
            "requirements/tools.txt",
            "site_template/requirements.txt",
        )
    }

    assert wanted
    assert set() == (wanted | requirements) - names


def test_every_file_of_the_package_is_inside(names):
    package = ROOT / "cinestream_ops"
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert set() == wanted - names


def test_no_secret_cache_or_test_is_inside(names):
    unwanted = re.compile(r"\.env$|__pycache__|\.pyc$|\.\w+_cache|(^|/)tests?/|(^|/)test_|/\.keep$")

    assert [] == [name for name in sorted(names) if unwanted.search(name)]


def test_nothing_but_the_package_and_its_metadata_is_inside(names):
    assert {"cinestream_ops"} == {
        name.partition("/")[0] for name in names if ".dist-info/" not in name
    }
