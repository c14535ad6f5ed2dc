"""
What a backup lacks is told by host and name, and never with what opens it.
"""

from __future__ import annotations

import pytest

from cinestream_ops.agent import backup_elsewhere


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("postgres://shop:pw@db.example:5432/orders?sslmode=require", "PostgreSQL `orders` on `db.example`"),
        ("postgresql+psycopg2://shop:pw@10.0.0.3/orders", "PostgreSQL `orders` on `10.0.0.3`"),
        ("mysql://localhost/shop", "MySQL `shop` on `localhost`"),
        ("rediss://:pw@cache.example:6379/0", "Redis `0` on `cache.example`"),
        ("redis://[::1]:6379", "Redis on `[::1]`"),
        ("mongodb+srv://shop:pw@cluster.example/", "MongoDB on `cluster.example`"),
        ("POSTGRES://DB/x", "PostgreSQL `x` on `DB`"),
        ("https://user:pw@shop.example/", ""),
        ("sqlite:///data/shop.db", ""),
        ("postgres", ""),
    ],
)  # fmt: skip
def test_a_store_is_told_by_its_host_and_name(value, told):
    assert told == backup_elsewhere.store(value)


@pytest.mark.parametrize(
    "value",
    [
        "postgres://shop:s3cr/et@db.example/orders",
        "postgres://shop:s3c@r/et@db.example/orders",
        "postgres://shop:s3cr?et@db.example/orders",
        "postgres://shop:s3cr#et@db.example/orders",
        "postgres://db.example/orders?password=s3cr@et",
        "postgres://db.example/orders?user=a@b&password=s3cret",
        "postgres://shop:s3cret",
        "postgres://db.example/s3cr et",
        "postgres://shop:s3cr\net@db.example/orders",
    ],
)
def test_no_part_of_a_password_is_told(value):
    told = backup_elsewhere.store(value)

    assert told.startswith("PostgreSQL")
    assert not any(part in told for part in ("s3c", "et@", "et/", "`et", "shop"))


def test_the_database_that_is_saved_is_not_missing():
    text = "MONGODB_URI=mongodb://shop:pw@127.0.0.1:27017/shop\nCACHE=redis://cache/1\n"

    assert ["Redis `1` on `cache` (`CACHE`)"] == backup_elsewhere.stores(text, "shop")
    assert 2 == len(backup_elsewhere.stores(text, ""))
