"""
What stands in a plan's way, and is not ours.

Nobody's answer lets a plan replace it: whoever put it there has to move it, or the plan has to be
another one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from cinestream_ops.state import paths
from cinestream_ops.state.facts import Facts
from cinestream_ops.state.items import (
    Archive,
    Directory,
    EnvFile,
    Fact,
    File,
    Release,
    Sshd,
    Symlink,
    User,
    Venv,
)
from cinestream_ops.state.steps import PUT, Step

PLACED = (Archive, Directory, EnvFile, File, Release, Sshd, Symlink, Venv)
# Folders of our own, in which an owner changes specs by hand.
OURS = (f"{paths.SPECS}/", f"{paths.LIBRARY}/")


def strangers(
    steps: Iterable[Step], facts: Facts, arrived: Collection[str] = ()
) -> tuple[str, ...]:
    """
    A sentence for each thing that *steps* would replace or take over, though it is not ours.

    What is in the homes of the sites that have just *arrived* was put there for them.
    """
    puts = [step for step in steps if step.verb == PUT and step.before]
    homes = tuple(f"{paths.SITES}/{site}/" for site in arrived)
    told = [
        each
        for step in puts
        if not f"{step.item.name}/".startswith(homes)
        for each in sentences(step, facts)
    ]
    return tuple(dict.fromkeys(told))


def sentences(step: Step, facts: Facts) -> Iterator[str]:
    item, before = step.item, step.before or {}
    if step.key in facts.owned or item.name.startswith(OURS):
        return
    if isinstance(item, User):
        yield f"the account `{item.login}` is there already, with its home at `{before['home']}`"
    elif isinstance(item, PLACED) and is_strange(step, facts):
        yield f"`{item.name}` {seen(item, before)}"


def is_strange(step: Step, facts: Facts) -> bool:
    """
    Whether it was there before us.

    The home of a site is root's, as only we make one: who takes up what a removed site has left
    finds it so, and all in it is ours.  The group may be gone meanwhile.
    """
    home, before = f"{paths.SITES}/{step.site}", step.before or {}
    if step.site and step.item.name.startswith(f"{home}/"):
        return f"directory:{home}" in facts.owned and "other" in before
    made = isinstance(step.item, Directory) and step.item.through
    return not made or {**before, "group": ""} != {**step.item.mark, "group": ""}


def seen(item: Directory | object, before: Fact) -> str:
    """What is there in place of *item*, in words that follow its name."""
    found = before or {}
    if found.get("other") == "place behind a link":
        return "lies behind a link that somebody else made"
    if "other" in found:
        return f"is a {found['other']}, and was not made by cinestream"
    if isinstance(item, Directory) and not item.name.startswith(f"{paths.SITES}/"):
        return f"is `{marked(found)}`, and has to be `{marked(item.mark)}`"
    return "is there already, and was not made by cinestream"


def marked(mark: Fact) -> str:
    """As chown(1) and chmod(1) take them."""
    told = mark or {}
    return f"{told.get('owner')}:{told.get('group')} {told.get('mode', 0):04o}"
