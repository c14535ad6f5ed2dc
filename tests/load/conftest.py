from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.owner.conftest import RUN, Standing, set_up, stranger

__all__ = ["Standing", "release", "standing", "stranger"]

SITE = Path(__file__).parent / "site"


@pytest.fixture(
    scope="module", params=["bookworm", pytest.param("trixie", marks=pytest.mark.torture)]
)
def standing(
    request: pytest.FixtureRequest, stranger, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standing]:
    """A server of each suite, with the site that visitors crowd and one beside it, over TLS."""
    for standing in set_up(stranger, f"load-{request.param}-{RUN}", request.param):
        furnish(standing, release(tmp_path_factory.mktemp("site"), "one"))
        yield standing


def furnish(standing: Standing, source: str) -> None:
    for site, more in (("crowded", ""), ("beside", " --balance cookie")):
        standing.owner.types(
            f"add-site {site} --source {source} --wsgi app:app --workers 2{more} --yes"
        )
        standing.owner.types(
            f"domain add {site} {site}.example.test --yes"
            f" --acme-directory {standing.host.lab.acme_directory}"
        )


def release(folder: Path, name: str) -> str:
    """The site as a source whose pages tell *name*."""
    source = folder / name
    shutil.copytree(SITE, source)
    (source / "release.txt").write_text(name)
    return str(source)
