"""
How long a server takes from the power's return until every site is ready.
"""

from __future__ import annotations

import time

from cinestream_ops import lab
from tests.owner.conftest import Standing
from tests.torture import command
from tests.torture.change import ADD, SITE, THREE
from tests.torture.fault import Fault
from tests.torture.prober import Prober
from tests.torture.trial import BYSTANDER

WORKERS = {"shop": 2, SITE: 2}
PATIENCE = 120.0  # seconds


def compared(street: Standing) -> tuple[float, float]:
    """Seconds of a boot with nothing pending, and of one that has a whole change to undo."""
    its = street.host.lab.name
    if command.run(street.owner, f"show {SITE}").code:
        command.succeed(street.owner, ADD)
    lab.power_cut(its)
    plain = boot(street)
    command.run(street.owner, THREE, Fault("power", its, name="ready 1"))
    return plain, boot(street)


def boot(street: Standing) -> float:
    """Until all workers of both sites are ready, and nginx answers for the one with a name."""
    begun = time.monotonic()
    lab.boot(street.host.lab.name)
    visitor = Prober(street.host.lab, BYSTANDER)
    while not all(len(street.host.workers(site)) == count for site, count in WORKERS.items()):
        assert time.monotonic() < begun + PATIENCE
    while visitor.answer() != "200":
        assert time.monotonic() < begun + PATIENCE
    return time.monotonic() - begun
