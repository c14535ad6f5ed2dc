"""
What MongoDB itself must have: an administrator, a user and a database for each site, indexes.

It is done by a small program on our own tools; URIs reach it by its standard input alone.  What was
made is remembered, since looking must be fast; the memory holds only for the data directory and the
administrator that it was made with.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

from cinestream_ops.agent import env
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import paths
from cinestream_ops.state.items import Database, Fact, Item, MongoAdmin, MongoIndexes, MongoUser
from cinestream_ops.state.steps import PUT, REMOVE, Step

DATA = Path(paths.MONGODB, "data", "WiredTiger")
MACHINE = Path("/etc/machine-id")
RECORD = "mongodb.json"
NO_LOGIN = 18  # AuthenticationFailed
PATIENCE = 180  # seconds, of which mongod may take 60 to come up


def look(items: Sequence[Item], home: str = paths.HOME) -> Dict[str, Fact]:
    made = memory(home)
    return {item.key: fact(item, made) for item in items}


def fact(item: Item, made: Dict[str, Any]) -> Fact:
    found = made.get(item.key)
    if not found or (isinstance(item, MongoUser) and found["seal"] != seal(uri(item))):
        return None
    return dict(found["mark"])


def do(step: Step, kit: Kit) -> None:
    item = step.item
    WAYS[type(item), step.verb](item)
    made = memory(str(kit.home))
    if step.verb == PUT:
        made[item.key] = {"mark": item.mark, "seal": seal(uri(item))}
    else:
        made = {key: each for key, each in made.items() if not goes_with(item, key, each)}
    remember(str(kit.home), made)


def back(step: Step) -> List[Step]:
    """Who was there before stays, and who was not goes; who is dropped is made again."""
    item = step.item
    if isinstance(item, MongoAdmin):
        return []  # made in a new database alone, whose folder goes with the same change
    if step.verb == REMOVE:
        return [Step(PUT, item, None, site=step.site)]
    there = ask(do="is-there", user=user_of(item), database=database_of(item))["there"]
    return [] if there else [Step(REMOVE, item, item.mark, site=step.site)]


def goes_with(item: Item, key: str, made: Dict[str, Any]) -> bool:
    """Whether what *key* stands for is gone with *item*."""
    if key == item.key or not isinstance(item, Database):
        return key == item.key
    return key == f"mongo-indexes:{item.database}" or made["mark"].get("database") == item.database


def put_admin(item: Item) -> None:
    assert isinstance(item, MongoAdmin)
    ask(do="admin", hint=f"`{item.env_path}` holds what we take for its URI")


def drop_admin(_: Item) -> None:
    ask(do="drop-admin")


def put_user(item: Item) -> None:
    assert isinstance(item, MongoUser)
    hint = f"`{item.env_key}` in `{item.env_path}` was changed by hand: remove that line"
    order = {"user": item.user, "database": item.database, "role": item.role}
    ask(do="user", uri=uri(item), hint=hint, **order)


def drop_user(item: Item) -> None:
    assert isinstance(item, MongoUser)
    ask(do="drop-user", user=item.user, database=item.database)


def put_indexes(item: Item) -> None:
    assert isinstance(item, MongoIndexes)
    ask(
        do="indexes",
        database=item.database,
        indexes=[json.loads(index) for index in item.indexes],
        hint="drop the old index by hand if it is not needed, and apply again",
    )


def drop_database(item: Item) -> None:
    assert isinstance(item, Database)
    ask(do="drop-database", database=item.database)


def nothing(_: Item) -> None:
    """Indexes stay until their database goes."""


WAYS: Dict[Any, Callable[[Item], None]] = {
    (MongoAdmin, PUT): put_admin,
    (MongoAdmin, REMOVE): drop_admin,
    (MongoUser, PUT): put_user,
    (MongoUser, REMOVE): drop_user,
    (MongoIndexes, PUT): put_indexes,
    (MongoIndexes, REMOVE): nothing,
    (Database, REMOVE): drop_database,
}


def user_of(item: Item) -> str:
    return item.user if isinstance(item, MongoUser) else ""


def database_of(item: Item) -> str:
    return item.database if isinstance(item, MongoUser) else ""


def ask(hint: str = "", **order: Any) -> Dict[str, Any]:
    """What the program answers to *order*; `Refused` with its reason if it could not."""
    from cinestream_ops.agent import tools
    from cinestream_ops.agent.mongo_program import PROGRAM

    order["admin"] = env.admin()
    answer = tools.ask("MongoDB", PROGRAM, order, PATIENCE)
    if "refused" not in answer:
        return answer
    if answer["code"] == NO_LOGIN:
        hint = f"compare the URI in `{paths.MONGODB_ENV}`: MongoDB does not know that password"
    elif not answer["judged"]:
        hint = "look at `journalctl -u mongodb`"
    raise Refused(f"MongoDB: {answer['refused']}", hint)


def uri(item: Item) -> str:
    """The URI that *item* speaks of; empty if it has none of its own."""
    if not isinstance(item, (MongoAdmin, MongoUser)):
        return ""
    return env.value(item.env_path, item.env_key)


def seal(text: str) -> str:
    """Tells whether *text* is the same as before, and on no other machine anything else."""
    key = MACHINE.read_bytes()[:64] if MACHINE.exists() else b""
    return hashlib.blake2b(text.encode(), key=key, digest_size=16).hexdigest()


def origin() -> str:
    """The data directory and the administrator that the memory is about."""
    inode = DATA.stat().st_ino if DATA.exists() else 0
    return f"{inode} {seal(env.admin())}"


def memory(home: str) -> Dict[str, Any]:
    try:
        record = json.loads(Path(home, RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return dict(record["made"]) if record.get("origin") == origin() else {}


def remember(home: str, made: Dict[str, Any]) -> None:
    path = Path(home, RECORD)
    draft = path.with_suffix(".new")
    draft.touch(0o600)
    draft.write_text(json.dumps({"origin": origin(), "made": made}))
    draft.rename(path)
