"""
A package that comes as source runs its own code while the environment of a site is built.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attacks.conftest import SITES
from tests.attacks.packages.evil import backend
from tests.owner.conftest import Standing
from tests.owner.owner import Said

PACKAGE = Path(backend.__file__).parent
# Where a build may read, and nobody but root may write.
ON_SERVER = "/usr/local/share/evil"
SDIST = f"{ON_SERVER}/evil-1.0.tar.gz"
ADD = f"add-site victim --source {SITES / 'shell'} --wsgi shell:application --no-database"
HOME = "/var/www/victim"
METADATA = "169.254.169.254/32"


def sdist(plant: str = "") -> bytes:
    """The package, which puts a *plant* into the environment."""
    files = {path.name: path.read_bytes() for path in PACKAGE.iterdir() if path.is_file()}
    files["PKG-INFO"] = b"Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n"
    files["plant"] = plant.encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"evil-1.0/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def added(attacked: Standing, tmp_path: Path) -> Iterator[Callable[..., Said]]:
    """What comes of a site with those requirements and that package; it is gone afterwards."""

    def add(*lines: str, options: str = "", plant: str = "") -> Said:
        attacked.host.sh(f"mkdir -p {ON_SERVER}")
        attacked.host.runs(
            "python3", "-c", f"open('{SDIST}', 'wb').write(bytes.fromhex('{sdist(plant).hex()}'))"
        )
        path = tmp_path / "requirements.txt"
        # An environment that a refused change has made for the same requirements would be taken.
        path.write_text("\n".join([*lines, "bottle==0.13.4", f"# {plant}"]) + "\n")
        return attacked.owner.tries(f"{ADD} --workers 1 --requirements {path} {options} --yes")

    yield add
    attacked.owner.tries("remove-site victim --purge --yes")
    attacked.host.sh(f"rm -rf {ON_SERVER}")


EVIL = f"evil @ file://{SDIST}"
ALLOWED = "--allow-source evil"


def test_what_a_build_tries_is_held(attacked: Standing, added: Callable[..., Said]):
    address = (f"ip address add {METADATA} dev lo", f"ip address del {METADATA} dev lo")
    with attacked.host.meanwhile(*address):
        said = added(EVIL, options=ALLOWED)

    assert "run code of `evil` as `cinestream-build`" in said.err, said.err
    told = attacked.host.sh(f"cat {HOME}/venv/lib/python3*/site-packages/evil.py")
    report = json.loads(told.partition("= ")[2])
    assert {} == {name: report[name] for name in backend.HELD if "held" not in report[name]}
    assert attacked.host.runs("id", "-u", "cinestream-build") == report["user"]
    assert "['0000000000000000', '0000000000000000', '1']" == report["capabilities"]
    # Each was to be tried, or it says nothing that they left no trace.
    for name in ("child", "shared memory", "cache", "temporary", "open"):
        assert "held" not in report[name]
    left = "pgrep -u cinestream-build; find / -xdev -name evil ! -path '/proc/*' -type f; "
    assert "" == attacked.host.sh(f"{left} ls /dev/shm; true")
    assert "" == attacked.host.sh(f"find {HOME}/venvs ! -user root -o ! -type l -perm /6022")
    assert "wheels" == attacked.host.runs("ls", "/var/cache/cinestream")


@pytest.mark.parametrize("plant", ["link", "climbing link", "pipe", "sparse", "deep"])
def test_what_no_environment_has_is_refused(added, attacked: Standing, plant: str):
    said = added(EVIL, options=ALLOWED, plant=plant)

    assert 1 == said.code
    assert "the build made `lib/planted" in said.err, said.err
    assert "" == attacked.host.sh(f"find {HOME}/venvs -mindepth 1; find {HOME} -name planted")


def test_a_marker_of_its_own_does_not_matter(added, attacked: Standing):
    said = added(EVIL, options=ALLOWED, plant="marker")

    assert 0 == said.code, said.err
    assert "evil" in attacked.host.runs("cat", f"{HOME}/venv/requirements.txt")
    assert "blob" in attacked.host.runs("cat", f"{HOME}/venv/.cinestream.json")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([EVIL], "`evil` comes as source"),
        ([f"--find-links {ON_SERVER}", "evil==1.0"], "`evil` comes as source"),
        (["--no-binary evil", EVIL], "`--no-binary` has no place in the requirements"),
        (["# harmless\r--no-binary=evil", EVIL], "`--no-binary` has no place"),
        ([f"-r {ON_SERVER}/more.txt"], "`-r` has no place"),
        (["-e /usr/local/share/evil"], "`-e` has no place"),
        ([f"{ON_SERVER}/evil-1.0.tar.gz"], "`evil` comes as source"),
    ],
)
def test_nothing_is_built_unless_the_owner_says_so(
    added: Callable[..., Said], lines: list[str], why: str
):
    said = added(*lines)

    assert 1 == said.code
    assert why in said.err, said.err


def test_no_site_reaches_the_cache_of_builds(attacked, mallory):
    attacked.host.sh("test -d /var/cache/cinestream/wheels")

    tried = mallory.sh("flock --nonblock /var/cache/cinestream/wheels/.lock true")

    assert tried.code
    assert "Permission denied" in tried.out or "No such file" in tried.out
