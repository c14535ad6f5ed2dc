import pytest

from cinestream_ops.plan import plan
from cinestream_ops.state.facts import Facts
from tests.plan import world


@pytest.fixture
def standing() -> Facts:
    """A server on which the site of `world` stands with two workers."""
    return world.played(plan({"": (), "blog": world.site()}, world.BARE), world.BARE)
