"""
A site is changed by the version alone that has set its server up, whatever their programs share.
"""

from __future__ import annotations

import pytest

from cinestream_ops import __version__
from cinestream_ops.engine import planning
from cinestream_ops.errors import Refused
from cinestream_ops.plan import Plan
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.state import paths
from cinestream_ops.state.facts import Facts, Machine
from cinestream_ops.state.items import File
from cinestream_ops.state.steps import PUT, Step

SPEC = File(f"{paths.SPECS}/server.toml", b"as it should be")
AGENT = File(paths.AGENT, b"agent")
OF_SITE = Plan(steps=(Step(PUT, File("/etc/nginx/sites-available/blog.conf", b""), site="blog"),))
UP_TO_DATE = Plan(steps=(Step(PUT, SPEC), *OF_SITE.steps))


def facts(version: str) -> Facts:
    line = f'cinestream = "{version}"\n' if version else ""
    return Facts(machine=Machine(), specs={"server.toml": line}, items={AGENT.key: AGENT.mark})


def house(**keys: object) -> House:
    return House(toml.server({}), {"blog": toml.site("blog", {"port": 8001, **keys})})


def refuse(made: Plan, found: Facts, wanted: House) -> None:
    planning.refuse_outdated(made, (SPEC, AGENT), found, wanted)


def test_a_server_of_an_earlier_version_is_brought_up_to_date_first():
    with pytest.raises(Refused) as caught:
        refuse(OF_SITE, facts("0.0.9"), house())

    expected = f"this server was last changed by cinestream 0.0.9, and this is {__version__}"
    assert expected == str(caught.value)
    assert "`cinestream apply`" in caught.value.hint


@pytest.mark.parametrize("version", [__version__, ""])
def test_ours_is_changed_and_so_is_one_that_names_none(version: str):
    refuse(OF_SITE, facts(version), house())


def test_what_brings_it_up_to_date_is_never_refused():
    refuse(UP_TO_DATE, facts("0.0.9"), house())


def test_nor_is_a_site_that_is_stopped():
    refuse(OF_SITE, facts("0.0.9"), house(stopped=True))
