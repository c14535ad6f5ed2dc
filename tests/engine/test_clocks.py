"""
That the clocks of a server and its owner are apart is told in minutes, hours or days.
"""

from __future__ import annotations

import pytest

from cinestream_ops.engine import clocks

HOUR, DAY = 3600, 86_400


@pytest.mark.parametrize("ahead", [0, 3, -3, 119, -119])
def test_clocks_that_are_seconds_apart_agree(ahead: float):
    assert [] == clocks.findings(ahead)


@pytest.mark.parametrize(
    ("ahead", "told"),
    [
        (125, "2 minutes ahead of"),
        (HOUR + 2, "60 minutes ahead of"),
        (-HOUR, "60 minutes behind"),
        (-5.4 * HOUR, "5 hours behind"),
        (3.2 * DAY, "3 days ahead of"),
        (-20_000 * DAY, "20000 days behind"),
    ],
)
def test_by_how_much_and_on_which_side_they_are_apart_is_told(ahead: float, told: str):
    [found] = clocks.findings(ahead)

    assert f"the server's clock is {told} this machine's" == found["what"]
    assert "warn" == found["level"]
