"""
A second site like a first one on the same server: what it will be, and the road there.

What it has of the first is copied on the server, and put where it will find it; then it is added
as any other site is.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cinestream_ops.channel.conversation import Conversation, Event
from cinestream_ops.desired import places
from cinestream_ops.engine import staging
from cinestream_ops.engine.applying import Outcome, apply
from cinestream_ops.engine.backups import answered, saving
from cinestream_ops.engine.carried import Carried
from cinestream_ops.engine.looking import Found, look
from cinestream_ops.engine.planning import plan
from cinestream_ops.errors import OpsError
from cinestream_ops.plan import Plan
from cinestream_ops.spec import ports, toml
from cinestream_ops.spec.reserved import DATABASE_ENVIRONMENT
from cinestream_ops.spec.site import Site
from cinestream_ops.state import homes
from cinestream_ops.state.items import File, Release, digest, words

# What is of the first site alone.
ITS_OWN = ("port", "domains", "past", "stopped", "maintenance", "deployed")


@dataclass(frozen=True)
class Cloning:
    """The *site* that is to be like *was*, with its *data* or none, and its requirements."""

    was: Site
    site: Site
    data: bool
    carried: Carried


def site_of(was: Site, found: Found, name: str, asked: Mapping[str, Any], moment: str) -> Site:
    """
    The site *name*, as *was* is but for what is *asked*, on the next free ports.

    Raises `OpsError` when the name is taken, `BadSpec` when what is asked for cannot be.
    """
    if name in found.house.sites:
        raise OpsError(f"there is a site `{name}` already", "choose another name")
    kept = {key: value for key, value in toml.told(was).items() if key not in ITS_OWN}
    more = {"reserve": ports.reserve(asked["workers"])} if is_more(was, asked) else {}
    called = {"database": bool(was.database)}
    table = {**kept, **more, **asked, **called, "deployed": moment}
    size = table.get("reserve", was.reserve)
    port = ports.next_port(found.house, found.facts.listeners, size)
    return toml.site(name, {**at_home(table, was.name, name), "port": port})


def at_home(table: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    """*table* of the site *new*, whose variables lead where those of *old* do in its own home."""
    env = {key: homes.moved(text, old, new) for key, text in table.get("env", {}).items()}
    return {**table, **({"env": env} if env else {})}


def is_more(was: Site, asked: Mapping[str, Any]) -> bool:
    return bool(was.reserve < asked.get("workers", 0) <= 1000)


def cloning(conversation: Conversation, was: Site, site: Site, *, data: bool) -> Cloning:
    """With the requirements of *was*, which its new environment is built from."""
    uploads = requirements(conversation, was) if was.requirements else {}
    return Cloning(was, site, data, Carried(uploads=uploads))


def requirements(conversation: Conversation, was: Site) -> dict[str, bytes]:
    """As they lie in the environment of *was*; raises `OpsError` if they were changed there."""
    path = f"{places.venv(was)}/requirements.txt"
    # Only what was looked at may be read.
    conversation.ask({"do": "look", "ask": [words(File(path, b""))], "brief": True})
    text = conversation.ask({"do": "read", "paths": [path]})["files"].get(path)
    content = b64decode(text or "")
    if digest(content) != was.requirements:
        raise OpsError(
            f"`{path}` is not what `{was.name}` was deployed with",
            f"`cinestream deploy {was.name}` brings it anew",
        )
    return {was.requirements: content}


def order(found: Found, cloning: Cloning) -> dict[str, Any]:
    """What the agent is told of both sites."""
    was, site = saving(found, cloning.was), cloning.site
    here = was["database"] if cloning.data else ""
    blob = {"path": places.release(site), "blob": site.release} if site.release else None
    made = {"SECRET_KEY", *(DATABASE_ENVIRONMENT if site.database else ())}
    return {
        **saving(found, site),
        "from": {
            "home": was["home"],
            "user": was["user"],
            "database": here,
            "data": cloning.data,
            "release": places.release(cloning.was),
        },
        "release": blob,
        "anew": sorted(made),
    }


def weigh(
    conversation: Conversation, found: Found, cloning: Cloning
) -> tuple[dict[str, int], list[str]]:
    """
    The bytes of the release, the data and the database that are to be copied; and the names of the
    variables that lead into the home of the first site, and will lead into that of the second.

    Raises `Refused` when something stands where they would be put, or there is no room for them.
    """
    asked = order(found, cloning)
    answered(conversation, {**asked, "act": "occupied"})
    told = answered(conversation, {**asked, "act": "weigh"})
    return {part: told[part] for part in ("release", "data", "database")}, told["moving"]


def plan_of(
    conversation: Conversation, found: Found, cloning: Cloning, only: Collection[str]
) -> Plan:
    """The plan for when what is copied is there."""
    site = cloning.site
    release = Release(places.release(site), site.release)
    there = {release.key: release.mark} if site.release else {}
    facts = replace(found.facts, items={**found.facts.items, **there})
    return plan(
        conversation,
        replace(found, facts=facts),
        found.house.with_site(site),
        only=only,
        carried=cloning.carried,
        arrived={site.name},
    )


def clone(
    conversation: Conversation,
    cloning: Cloning,
    *,
    doing: str,
    wait: float,
    report: Callable[[Plan], Callable[[Event], None]],
) -> Outcome:
    """
    Bring the site up; raises `OpsError`, and the server is as it was.

    *report* makes, of a plan, what hears its events.
    """
    found = look(conversation, wait=wait)
    refuse_other(found, cloning.was)
    house = found.house.with_site(cloning.site)
    asked = staging.order(order(found, cloning), cloning.site, doing, wait)
    with staging.staged(conversation, {**asked, "act": "clone"}):
        found = look(conversation, wait=wait)
        carried = cloning.carried
        here = {cloning.site.name}
        made = plan(conversation, found, house, only=here, carried=carried, arrived=here)
        return apply(
            conversation, made, carried=carried, doing=doing, wait=wait, report=report(made)
        )


def refuse_other(found: Found, was: Site) -> None:
    if found.house.sites.get(was.name) != was:
        raise OpsError(
            f"`{was.name}` has changed since the plan was made",
            "look at the new plan and decide again",
        )
