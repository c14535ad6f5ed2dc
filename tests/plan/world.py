"""
A server made of facts alone, on which plans can be played.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from cinestream_ops.plan import Plan
from cinestream_ops.state import items
from cinestream_ops.state.facts import Facts, Machine, Owned
from cinestream_ops.state.items import (
    Directory,
    EnvFile,
    Fact,
    File,
    Item,
    MongoUser,
    Release,
    Symlink,
    Unit,
    User,
    Venv,
)
from cinestream_ops.state.steps import PUT, REMOVE, Step

BARE = Facts(machine=Machine(), specs={}, items={})

HOME = "/var/www/blog"
ENV = f"{HOME}/.env"
TEMPLATE = "/etc/systemd/system/blog@.service"
NGINX = "/etc/nginx/sites-available/blog.conf"


def site(workers: int = 2, release: str = "r1", unit: bytes = b"[Service]\n") -> tuple[Item, ...]:
    """A site as `desired` would describe it, small enough to read."""
    return (
        User("blog", HOME),
        Directory(HOME, 0o750, "root", "blog", through="www-data"),
        Directory(f"{HOME}/releases"),
        EnvFile(ENV, "blog", "blog", generated=(("SECRET_KEY", "token"),)),
        Release(f"{HOME}/releases/{release}", release),
        Venv(f"{HOME}/venvs/v1", "v1"),
        Symlink(f"{HOME}/src", f"releases/{release}"),
        File(TEMPLATE, unit),
        MongoUser("blog", "blog", ENV),
        items.Check("`app:app` can be imported", ("true",)),
        *(worker(port) for port in range(8001, 8001 + workers)),
        File(NGINX, b"%d workers" % workers),
        Symlink("/etc/nginx/sites-enabled/blog.conf", NGINX),
    )


def worker(port: int) -> Unit:
    watched = (f"file:{TEMPLATE}", f"env:{ENV}", f"symlink:{HOME}/src")
    return Unit(f"blog@{port}.service", (f"blog@{port}.socket",), restart_on=watched)


def played(plan: Plan, facts: Facts) -> Facts:
    """The server after *plan*."""
    found, owned = dict(facts.items), dict(facts.owned)
    for step in plan.steps:
        if step.verb == PUT:
            found[step.key] = fact(step.item)
            owned[step.key] = Owned(items.words(step.item), found[step.key], step.site)
        elif step.verb == REMOVE:
            found[step.key] = None
            owned.pop(step.key, None)
    kept = {key: each for key, each in owned.items() if key not in plan.forget}
    return replace(facts, items=found, owned=kept)


def fact(item: Item) -> Fact:
    if isinstance(item, EnvFile):
        hidden = [*dict(item.generated), *item.secrets]
        return {
            "mode": item.mode,
            "owner": item.owner,
            "group": item.group,
            "plain": dict(item.plain),
            "hidden": hidden,
            "seal": "x",
        }
    return item.mark


def told(steps: Iterable[Step]) -> list[str]:
    return [f"{step.verb} {step.key}" for step in steps]


def changed_by_hand(facts: Facts, key: str, found: Mapping[str, object] | None) -> Facts:
    return replace(facts, items={**facts.items, key: found and dict(found)})
