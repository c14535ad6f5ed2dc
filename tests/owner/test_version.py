"""
A server that another version of cinestream was here before us to change.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cinestream_ops import __version__
from tests.owner.conftest import Standing

SPEC = "/etc/cinestream/server.toml"
KEPT = "/root/server.toml.kept"
REFUSAL = f"error: this server was last changed by cinestream 9.0.0, and this is {__version__}\n"


@pytest.fixture
def ours(rough: Standing) -> Iterator[Standing]:
    """The server, whose own spec is put back after the test."""
    rough.host.runs("cp", "-p", SPEC, KEPT)
    yield rough
    rough.host.runs("mv", KEPT, SPEC)


@pytest.fixture
def newer(ours: Standing) -> Standing:
    """The server as a version to come leaves it, with specs that this one cannot read."""
    ours.host.runs(
        "sed", "-i", "-e", 's/^cinestream = .*/cinestream = "9.0.0"\\nfuture = true/', SPEC
    )
    return ours


@pytest.mark.parametrize(
    "line",
    [
        "plan",
        "apply --yes",
        "setup --yes",
        "edit-site shop --workers 4 --yes",
        "remove-site shop --yes",
        "restart shop --yes",
        "sites",
        "show shop",
        "status",
        "doctor",
    ],
)
def test_a_server_of_a_later_version_is_refused_to_an_earlier_one(newer: Standing, line: str):
    before = newer.host.runs("cat", SPEC)

    said = newer.owner.tries(line)

    assert (1, "") == (said.code, said.out)
    assert said.err.startswith(REFUSAL)
    assert "hint: install that version or a newer one" in said.err
    assert "future" not in said.err
    assert before == newer.host.runs("cat", SPEC)
    assert 3 == len(newer.host.workers("shop"))


def test_a_server_of_an_earlier_version_shows_its_upgrade_as_a_plan(ours: Standing):
    workers = ours.host.workers("shop")
    ours.host.runs("sed", "-i", 's/^cinestream = .*/cinestream = "0.0.9"/', SPEC)

    planned = ours.owner.tries("plan --exit-code --diff")
    ours.owner.types("apply --yes")

    assert 4 == planned.code
    assert f"  - change `{SPEC}`\n" in planned.out
    assert '-cinestream = "0.0.9"\n' in planned.out
    assert f'+cinestream = "{__version__}"\n' in planned.out
    assert f'cinestream = "{__version__}"' in ours.host.runs("cat", SPEC)
    assert workers == ours.host.workers("shop")


@pytest.mark.parametrize("line", ["edit-site shop --workers 4 --yes", "env set shop HUE=1 --yes"])
def test_no_site_is_changed_before_its_server_is_brought_up_to_date(ours: Standing, line: str):
    ours.host.runs("sed", "-i", 's/^cinestream = .*/cinestream = "0.0.9"/', SPEC)

    said = ours.owner.tries(line)

    assert 1 == said.code
    assert "error: this server was last changed by cinestream 0.0.9" in said.err
    assert "hint: `cinestream apply` brings the whole server up to date" in said.err
    assert 3 == len(ours.host.workers("shop"))


def test_a_server_from_before_versions_were_written_gets_one(ours: Standing):
    ours.host.runs("sed", "-i", "/^cinestream = /d", SPEC)

    ours.owner.types("setup --yes")

    assert f'cinestream = "{__version__}"' in ours.host.runs("cat", SPEC)
    assert 0 == ours.owner.tries("plan --exit-code").code
