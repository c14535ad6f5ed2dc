"""
What a site keeps in stores that are not saved with it, as far as its `.env` tells.

Pure: it may touch no file.  It tells hosts and names of databases, and nothing else of a URL.
"""

from __future__ import annotations

import re
from typing import List

from cinestream_ops.agent import dotenv

KINDS = {
    "postgres": "PostgreSQL",
    "postgresql": "PostgreSQL",
    "postgis": "PostgreSQL",
    "cockroachdb": "CockroachDB",
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "mssql": "SQL Server",
    "oracle": "Oracle",
    "clickhouse": "ClickHouse",
    "mongodb": "MongoDB",
    "redis": "Redis",
    "rediss": "Redis",
    "valkey": "Valkey",
    "amqp": "RabbitMQ",
    "amqps": "RabbitMQ",
}
# `postgresql+psycopg://`, `mongodb+srv://`
URL = re.compile(r"([a-z]+)(?:\+[a-z0-9_]+)?://(.*)", re.IGNORECASE | re.DOTALL)
WHERE = re.compile(
    r"(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
    r"(?:/(?P<name>[A-Za-z0-9_.-]{1,64})?)?(?:[?#].*)?",
    re.DOTALL,
)
OURS = "MONGODB_URI"
LONGEST_KEY = 100


def stores(text: str, database: str) -> List[str]:
    """A few words for each store that the `.env` *text* leads to; *database* is saved."""
    values = dotenv.parse(text)
    found = [
        f"{told} (`{key[:LONGEST_KEY]}`)"
        for key, value in sorted(values.items())
        if not (database and key == OURS) and (told := store(value))
    ]
    return found[:50]


def store(value: str) -> str:
    """The store at the URL *value*; empty if it is no URL of one."""
    url = URL.fullmatch(value.strip())
    kind = KINDS.get(url[1].lower()) if url else None
    if not url or not kind:
        return ""
    return f"{kind}{where(url[2])}"


def where(rest: str) -> str:
    """Host and database of a URL after its `//`; nothing if they may be parts of a password."""
    credentials, _, after = rest.rpartition("@")
    found = WHERE.fullmatch(after)
    if not found or set(credentials) & set("@/?#"):
        return ""
    name = f" `{found['name']}`" if found["name"] else ""
    return f"{name} on `{found['host']}`"
