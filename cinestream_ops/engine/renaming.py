"""
A site under another name: what it will be, and the road there.

It is built beside itself, and takes over data, database, domains and keys in one change, in which
the old name goes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from cinestream_ops.channel.conversation import Conversation, Event
from cinestream_ops.desired import places
from cinestream_ops.engine import cloning, staging
from cinestream_ops.engine.applying import Outcome, apply
from cinestream_ops.engine.backups import answered, saving
from cinestream_ops.engine.carried import Carried
from cinestream_ops.engine.looking import Found
from cinestream_ops.engine.planning import plan
from cinestream_ops.errors import OpsError
from cinestream_ops.plan import Plan
from cinestream_ops.spec import ports, toml
from cinestream_ops.spec.house import House
from cinestream_ops.spec.reserved import DATABASE_ENVIRONMENT
from cinestream_ops.spec.site import Site
from cinestream_ops.state.items import Heir, Hook, Release
from cinestream_ops.state.steps import PUT, Step

# Environments know their own path, so those of earlier releases would have to be built anew.
FORGOTTEN = ("port", "past", "database")


@dataclass(frozen=True)
class Renaming:
    """The site *was*, that will be *site*, and the requirements that it is built from."""

    was: Site
    site: Site
    carried: Carried

    def wanted(self, house: House) -> House:
        """Raises `BadSpec` where the new name clashes with another."""
        return house.without_site(self.was.name).with_site(self.site)


def site_of(was: Site, found: Found, name: str) -> Site:
    """
    *was* under the *name*, on the next free ports, with the database that it has.

    Raises `OpsError` when there is a site of that name.
    """
    if name in found.house.sites:
        what = "is its name already" if name == was.name else "is the name of another site"
        raise OpsError(f"`{name}` {what}", "choose another name")
    kept = {key: value for key, value in toml.told(was).items() if key not in FORGOTTEN}
    called = was.database_name if saving(found, was)["database"] else was.database
    port = ports.next_port(found.house, found.facts.listeners, was.reserve)
    here = cloning.at_home(kept, was.name, name)
    return toml.site(name, {**here, "port": port, "database": called == name or called})


def renaming(conversation: Conversation, was: Site, site: Site) -> Renaming:
    uploads = cloning.requirements(conversation, was) if was.requirements else {}
    return Renaming(was, site, Carried(uploads=uploads))


def order(found: Found, renaming: Renaming, doing: str, wait: float) -> dict[str, Any]:
    """What the agent is told of both names; of the database nothing, since it stays."""
    was, site = renaming.was, renaming.site
    return {
        **staging.order(saving(found, site), site, doing, wait),
        "database": "",
        "from": {
            "home": places.home(was),
            "user": was.user,
            "database": "",
            "data": False,
            "release": places.release(was),
        },
        "release": bool(site.release),
        "anew": sorted(anew(site)),
    }


def plan_of(conversation: Conversation, found: Found, renaming: Renaming) -> tuple[Plan, list[str]]:
    """
    The steps to the new name, and the variables that lead into the old home; changes nothing.

    Raises `Refused` where something stands in the way of it, or beside the old one.
    """
    was, site = renaming.was, renaming.site
    house = renaming.wanted(found.house)
    told = answered(conversation, {**order(found, renaming, "", 0), "act": "renamable"})
    release = Release(places.release(site), site.release)
    # The heir brings it along.
    there = {release.key: release.mark} if site.release else {}
    facts = replace(found.facts, items={**found.facts.items, **there})
    whole = plan(
        conversation,
        replace(found, facts=facts),
        house,
        only={was.name, site.name},
        carried=renaming.carried,
        purge={was.name},
        arrived={site.name},
        also=[Step(PUT, heir(renaming), site=site.name)],
    )
    # A release that runs already does not go live.
    steps = tuple(step for step in whole.steps if not isinstance(step.item, Hook))
    return replace(whole, steps=steps), told["moving"]


def heir(renaming: Renaming) -> Heir:
    was, site = renaming.was, renaming.site
    return Heir(site.user, was.user, site.release, tuple(sorted(anew(site))))


def anew(site: Site) -> frozenset[str]:
    """The variables that it gets of its own."""
    return DATABASE_ENVIRONMENT if site.database else frozenset()


def rename(
    conversation: Conversation,
    found: Found,
    renaming: Renaming,
    made: Plan,
    *,
    doing: str,
    wait: float,
    report: Callable[[Event], None],
) -> Outcome:
    """Take the steps *made* of what was *found*; raises `OpsError`, and all is as it was."""
    outcome = apply(
        conversation, made, carried=renaming.carried, doing=doing, wait=wait, report=report
    )
    # The site is there: a word that is lost here costs it nothing.
    with suppress(OpsError):
        told = order(found, renaming, doing, wait)
        answered(conversation, {**told, "act": "renamed"})
    return outcome
