"""
What is ours and no longer wanted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from cinestream_ops.state import items, paths
from cinestream_ops.state.facts import Facts, Owned
from cinestream_ops.state.items import (
    Certificate,
    Database,
    Directory,
    EnvFile,
    File,
    Item,
    MongoIndexes,
    MongoUser,
    Release,
    Remains,
    SiteJournal,
    Tree,
    User,
    Venv,
)
from cinestream_ops.state.steps import CHANGE, CLEANUP, REMOVE, Step

# What is made for a site before the change that makes the site.
PREPARED = {each.kind for each in (User, Directory, Release, Venv)}


def removals(
    desired: Mapping[str, tuple[Item, ...]],
    facts: Facts,
    scope: Collection[str],
    purge: Collection[str],
) -> tuple[list[Step], tuple[str, ...]]:
    """The steps that remove, and the keys that stay behind without being ours."""
    wanted = {item.key for each in desired.values() for item in each}
    prepared = unborn(desired, facts)
    surplus = {
        key: owned
        for key, owned in sorted(facts.owned.items())
        if key not in wanted and owned.site in scope and key not in prepared
    }
    left = {key: owned for key, owned in surplus.items() if owned.site not in desired}
    steps = [
        Step(REMOVE, item, facts.items.get(key), phase(item), owned.site)
        for key, owned in surplus.items()
        if not stays(item := items.item(owned.words), owned, key in left, facts.items.get(key))
        and not started(item, desired, facts, scope)
    ]
    kept_databases = {
        item.database for each in desired.values() for item in each if isinstance(item, MongoUser)
    }
    steps += ended(left, purge)
    steps += [
        step
        for site in sorted(purge)
        for step in purged(site, left, facts)
        if not (isinstance(step.item, Database) and step.item.database in kept_databases)
    ]
    steps += cleared(prepared, facts)
    behind = (key for key, owned in left.items() if kept(items.item(owned.words)))
    return steps, (*behind, *(key for key, owned in prepared.items() if is_account(owned)))


def unborn(desired: Mapping[str, tuple[Item, ...]], facts: Facts) -> dict[str, Owned]:
    """What was prepared for sites that did not come to be: nothing else of them is ours."""
    born = {owned.site for owned in facts.owned.values() if owned.words["kind"] not in PREPARED}
    return {
        key: owned
        for key, owned in facts.owned.items()
        if owned.site and owned.site not in born and owned.site not in desired
    }


def cleared(prepared: Mapping[str, Owned], facts: Facts) -> Iterator[Step]:
    """
    Steps that delete what was *prepared* in vain, folders after what they hold.

    Also what is not there: a half-made one may stand beside its place.  The account stays, since
    its number must not become somebody else's.
    """
    found = {key: items.item(owned.words) for key, owned in prepared.items()}
    for key, item in sorted(found.items(), key=lambda each: each[1].name, reverse=True):
        if not is_account(prepared[key]):
            yield Step(REMOVE, item, facts.items.get(key), CLEANUP, prepared[key].site)


def is_account(owned: Owned) -> bool:
    return bool(owned.words["kind"] == User.kind)


def with_occasion(steps: list[Step]) -> list[Step]:
    """
    *steps*, without those that only tidy up if there are no others.

    So a release that a failed change has brought is there for the next try, and no plan by itself.
    """
    return steps if any(not tidies(step) for step in steps) else []


def tidies(step: Step) -> bool:
    return step.phase == CLEANUP and isinstance(step.item, Release | Venv | Directory)


def stays(item: Item, owned: Owned, site_leaves: bool, fact: object) -> bool:
    """
    Whether *item* is left where it is.

    What only adds stays, but for releases that no roll-back leads to; what a site keeps in its home
    is data; and what is gone already needs no step.
    """
    if isinstance(item, Release | Venv) and owned.site and not site_leaves:
        return False
    if isinstance(item, MongoUser):
        return site_leaves
    always = item.additive or isinstance(item, EnvFile | MongoIndexes)
    return always or (site_leaves and kept(item)) or not fact


def started(
    item: Item,
    desired: Mapping[str, tuple[Item, ...]],
    facts: Facts,
    scope: Collection[str],
) -> bool:
    """
    Whether *item* is a program of ours that units of a site out of scope may still start.

    A unit file that is not as it should be may name what nobody else wants any longer.
    """
    return item.name.startswith(f"{paths.LIBRARY}/") and any(
        isinstance(each, File) and not each.met_by(facts.items.get(each.key))
        for site, found in desired.items()
        if site not in scope
        for each in found
        if each.name.startswith(f"{paths.UNITS}/")
    )


def kept(item: Item) -> bool:
    lasting = item.additive or isinstance(item, MongoUser | MongoIndexes)
    return lasting or item.name.startswith(f"{paths.SITES}/")


def phase(item: Item) -> str:
    return CLEANUP if isinstance(item, Certificate | MongoUser | Release | Venv) else CHANGE


def ended(left: Mapping[str, Owned], purge: Collection[str]) -> Iterator[Step]:
    """First of all, what still runs as a site that leaves, and would go on filling its place."""
    for owned in left.values():
        item = items.item(owned.words)
        if isinstance(item, User) and owned.site:
            remains = Remains(item.login, logs=owned.site in purge)
            yield Step(REMOVE, remains, None, CLEANUP, owned.site)


def purged(site: str, left: Mapping[str, Owned], facts: Facts) -> Iterator[Step]:
    """The data of *site*, after everything else: it cannot be brought back."""
    for item in data(site, left):
        yield Step(REMOVE, item, facts.items.get(item.key), CLEANUP, site)


def data(site: str, left: Mapping[str, Owned]) -> Iterator[Item]:
    found = [items.item(owned.words) for owned in left.values() if owned.site == site]
    for user in (item for item in found if isinstance(item, MongoUser)):
        yield Database(user.database)
        yield user
    yield Tree(f"{paths.SITES}/{site}")
    yield SiteJournal(site)
    yield from (item for item in found if isinstance(item, User))
