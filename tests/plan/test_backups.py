"""
A site that its server saves is planned, and undone, like everything else of it.
"""

from __future__ import annotations

import pytest

from cinestream_ops.plan import order
from cinestream_ops.state.items import Directory, Item
from tests.render.case import everything

SITE = """
[sites.shop]
port = 8001
workers = 2
release = "3333333333333333333333333333333333333333333333333333333333333333"
requirements = "4444444444444444444444444444444444444444444444444444444444444444"
{more}
"""
SAVED = """
backup.daily = "03:00"
backup.recipient = "age1whm5nmx4du92ky4sgw0pc8mx753zzapvnhn7j4l3lxfhmjm3aydsld07lk"
"""
OWN = {
    "package:age",
    "file:/etc/systemd/system/cinestream-backup-shop.service",
    "file:/etc/systemd/system/cinestream-backup-shop.timer",
    "unit:cinestream-backup-shop.timer",
}


def items(more: str) -> dict[str, Item]:
    return {item.key: item for item in everything(SITE.format(more=more))["shop"]}


@pytest.mark.parametrize("more", ["", "stopped = true\n"])
def test_only_a_site_that_is_scheduled_has_what_saves_it(more):
    assert OWN == items(more + SAVED).keys() - items(more).keys()


def test_no_plan_ever_owns_where_the_backups_are():
    folders = [each for each in items(SAVED).values() if isinstance(each, Directory)]

    assert folders
    assert not [each for each in folders if "backups" in each.path]


def test_a_stopped_site_is_not_asked_whether_it_is_well_because_it_is_saved():
    assert ("shop.localhost",) == order.probes(everything(SITE.format(more=SAVED)))
    assert () == order.probes(everything(SITE.format(more=f"stopped = true\n{SAVED}")))
