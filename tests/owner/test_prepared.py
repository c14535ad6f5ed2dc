"""
What was prepared for a site that did not come to be is gone after the next change of any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from subprocess import Popen

import pytest

from tests.owner.conftest import Standing
from tests.owner.test_trouble import SHOP

HOME = "/var/www/late"
LATE = SHOP.replace("shop:application", "shop:nobody")
ADD = "add-site late --workers 1 --no-database --yes"
HOLDER = 'import json; print(json.load(open("/var/lib/cinestream/lock"))["pid"])'


@pytest.fixture
def clean(rough: Standing) -> Iterator[Standing]:
    """The server, which must have as much of the site after the test as before: nothing."""
    assert not there(rough)
    yield rough
    assert not there(rough)
    assert '"late"' not in rough.host.runs("cat", "/var/lib/cinestream/owned.json")
    assert 0 == rough.owner.tries("plan --exit-code").code


def there(standing: Standing) -> list[str]:
    """What there is of the site, and of blobs that were brought for it."""
    places = f"{HOME} /var/lib/cinestream/incoming"
    return standing.host.sh(f"find {places} -mindepth 1 2>/dev/null; true").splitlines()


def test_of_a_site_that_was_refused(clean: Standing):
    said = clean.owner.tries(f"{ADD} {LATE}")
    left = there(clean)
    planned = clean.owner.tries("plan --exit-code")
    clean.owner.types("restart shop --yes")

    assert 1 == said.code
    assert "nobody" in said.err
    assert not any(path.startswith(f"{HOME}/releases/") for path in left)
    assert any(path.startswith(f"{HOME}/venvs/") for path in left)
    assert 0 == planned.code


def kill_the_agent(standing: Standing, _: Popen[str]) -> None:
    standing.host.sh(f"kill -9 $(python3 -c '{HOLDER}')")


def kill_the_controller(standing: Standing, process: Popen[str]) -> None:
    process.kill()
    standing.host.sh(
        f"for i in $(seq 300); do kill -0 $(python3 -c '{HOLDER}') || exit 0; sleep .1; done"
    )


@pytest.mark.parametrize("kill", [kill_the_agent, kill_the_controller])
def test_of_a_site_that_was_broken_off_in_the_midst_of_it(
    clean: Standing, kill: Callable[[Standing, Popen[str]], None]
):
    process = clean.owner.start(f"{ADD} {LATE}")
    try:
        clean.host.sh(
            f"for i in $(seq 3000); do ls -d {HOME}/venvs/* && exit; sleep .01; done; exit 1"
        )
        kill(clean, process)
    finally:
        process.kill()
        process.communicate()
    clean.owner.types("restart shop --yes --wait 60")


def test_another_try_finds_what_the_first_has_left(clean: Standing):
    clean.owner.tries(f"{ADD} {LATE}")
    before = clean.host.runs("stat", "-c", "%i", f"{HOME}/venvs")

    clean.owner.types(f"{ADD} {SHOP}")
    after = clean.host.runs("stat", "-c", "%i", f"{HOME}/venvs")
    clean.owner.types("remove-site late --purge --yes")

    assert before == after
