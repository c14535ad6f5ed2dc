"""
A schedule of backups that cannot be wrong once it is there.
"""

from __future__ import annotations

import pytest

from cinestream_ops.errors import BadSpec
from cinestream_ops.spec import toml

# A public key with a sound checksum; nobody has the other half.
KEY = "age1whm5nmx4du92ky4sgw0pc8mx753zzapvnhn7j4l3lxfhmjm3aydsld07lk"
GOOD = {"daily": "03:00", "recipient": KEY}


def site(**more: object):
    return toml.site("shop", {"port": 8001, "backup": {**GOOD, **more}})


def test_what_is_left_out_is_chosen():
    assert (14, "/var/backups/cinestream") == (site().backup.keep, site().backup.directory)


def test_it_is_written_as_it_is_read():
    again = toml.dump_site(site(keep=3))

    assert site(keep=3) == toml.load({"sites/shop.toml": again}).sites["shop"]


def test_none_takes_it_away():
    assert None is toml.edited(site(), {"backup": None}).backup


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"daily": "3:00"}, "backup/daily: `3:00` is not a time of day"),
        ({"daily": "24:00"}, "backup/daily: `24:00` is not a time of day"),
        ({"keep": 0}, "backup/keep: `0` is less than 1"),
        ({"recipient": "age1short"}, "backup/recipient: `age1short` is not a public key of age"),
        ({"recipient": KEY.upper()}, "is not a public key of age"),
        ({"recipient": f"{KEY[:-1]}q"}, "is not a public key of age: a letter of it is wrong"),
        ({"directory": "backups"}, "is not a directory that keeps backups"),
        ({"directory": "/mnt/../etc"}, "is not a directory that keeps backups"),
        ({"directory": "/mnt/a b"}, "is not a directory that keeps backups"),
        ({"directory": "/var/www/shop/data"}, "is no place for backups"),
        ({"directory": "/home/me"}, "is no place for backups"),
    ],
)
def test_what_is_wrong_is_told(more, told):
    with pytest.raises(BadSpec) as caught:
        site(**more)

    assert told in str(caught.value)


@pytest.mark.parametrize("directory", ["/mnt/backups", "/var/backups/x", "/varia", "/srv/homes"])
def test_other_directories_are_the_owners_choice(directory):
    assert directory == site(directory=directory).backup.directory
