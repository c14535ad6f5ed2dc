"""
Many administrators of one server, each at a terminal of their own.
"""

from __future__ import annotations

import re

from tests.owner.conftest import SITES, Standing

TEN = range(10)


def test_ten_administrators_change_one_server_and_none_is_lost(rough: Standing):
    source = f"--source {SITES / 'bottle_site'} --wsgi shop:application --workers 1"
    lines = [
        *(f"env set shop COLOUR_{n}={n} --wait 300 --yes" for n in TEN[:7]),
        *(f"add-site crowd{n} {source} --no-database --wait 300 --yes" for n in TEN[7:]),
    ]

    running = [rough.owner.start(line) for line in lines]
    told = [process.communicate(timeout=300) for process in running]

    assert [0] * 10 == [process.returncode for process in running], told
    spec = rough.host.runs("cat", "/etc/cinestream/sites/shop.toml")
    assert {f"COLOUR_{n}" for n in TEN[:7]} == set(re.findall(r"COLOUR_\d", spec))
    ports = [site["port"] for site in rough.owner.types("sites --json").data]
    assert 4 == len({port // 100 for port in ports})
    assert any("is doing" in err for _, err in told)
    assert 0 == rough.owner.tries("plan --exit-code").code

    rough.owner.types(f"env unset shop {' '.join(f'COLOUR_{n}' for n in TEN[:7])} --yes")
    for n in TEN[7:]:
        rough.owner.types(f"remove-site crowd{n} --purge --yes")


def test_who_does_not_wait_is_told_who_holds_the_lock_and_nothing_is_lost(rough: Standing):
    running = [rough.owner.start(f"env set shop SHADE={n} --yes") for n in TEN]
    told = [process.communicate(timeout=300) for process in running]

    done = [n for n in TEN if running[n].returncode == 0]
    left = "".join(err for n, (_, err) in zip(TEN, told, strict=True) if n not in done)
    value = rough.host.sh("grep ^SHADE /var/www/shop/.env | tr -dc 0-9")
    assert int(value) in done
    assert not left or "env set shop SHADE" in left or "changed since the plan" in left
    rough.owner.types("env unset shop SHADE --yes")
