"""
From what the owner wants to the steps that lead there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from cinestream_ops import desired as wishes
from cinestream_ops import plan as pure
from cinestream_ops import render
from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.engine import strangers
from cinestream_ops.engine.carried import Carried
from cinestream_ops.engine.looking import Found
from cinestream_ops.engine.shipped import shipped
from cinestream_ops.engine.source import BUNDLED, read_source
from cinestream_ops.errors import OpsError, Refused
from cinestream_ops.plan import Plan
from cinestream_ops.spec import migrations
from cinestream_ops.spec.house import House
from cinestream_ops.state import facts as told
from cinestream_ops.state import items, paths
from cinestream_ops.state.facts import Facts
from cinestream_ops.state.items import Archive, EnvFile, Item, Release, Trial, Unit, Venv, digest
from cinestream_ops.state.steps import PUT, Step

NOTHING = Carried()
IDLE = {"enabled": False, "active": False}


def prepare() -> None:
    """What every plan needs and no server has to tell: for the time until it answers."""
    shipped()
    render.compile_all()


def plan(
    conversation: Conversation,
    found: Found,
    wanted: House,
    *,
    only: Collection[str] | None = None,
    carried: Carried = NOTHING,
    purge: Collection[str] = (),
    restart: Collection[str] = (),
    also: Collection[Step] = (),
    tries: bool = False,
    accept_errors: bool = False,
    arrived: Collection[str] = (),
) -> Plan:
    """
    The steps from what was *found* to what is *wanted*; changes nothing.

    It *tries* a worker of a new site as well; who is to *accept_errors* wants no look at its page.
    The homes of the sites that have just *arrived* are there, and ours.
    Raises `Refused` when something is in the way that is not ours or the server is of another
    version of us, `OpsError` when a source is needed that nobody carries.
    """
    desired = wishes.everything(wanted, found.facts.machine, found.facts.certificates, shipped())
    desired = {
        site: tuple(
            tried(secrets(item, site, found.facts, carried), accept_errors) for item in each
        )
        for site, each in desired.items()
    }
    facts = widened(conversation, found.facts, desired, only)
    made = pure.plan(
        desired,
        facts,
        only=only,
        purge=purge,
        restart=restart,
        also=also,
        tries=tries,
        arrived=arrived,
    )
    refuse_outdated(made, desired.get("", ()), facts, wanted)
    strangers.refuse(conversation, made, facts)
    refuse_uncarried(made, uploads(made, carried))
    return made


def tried(item: Item, accept_errors: bool) -> Item:
    return replace(item, errors=accept_errors) if isinstance(item, Trial) else item


def secrets(item: Item, site: str, facts: Facts, carried: Carried) -> Item:
    """*item*, with the secrets that this conversation brings, and those that must go."""
    if not isinstance(item, EnvFile):
        return item
    owned = facts.owned.get(item.key)
    before = items.item(owned.words) if owned else item
    assert isinstance(before, EnvFile)
    wanted = {*item.secrets, *dict(item.plain), *dict(item.generated)}
    return replace(
        item,
        given=tuple(name for name in carried.given(site) if name in item.secrets),
        dropped=tuple(
            name for name in (*before.secrets, *dict(before.plain)) if name not in wanted
        ),
    )


def widened(
    conversation: Conversation,
    facts: Facts,
    desired: Mapping[str, tuple[Item, ...]],
    only: Collection[str] | None,
) -> Facts:
    """*facts*, and those about wanted items that the first look had no reason to read."""
    unknown = [
        item
        for site, each in desired.items()
        if only is None or site in only
        for item in each
        if item.key not in facts.items and not isinstance(item, items.ACTS)
    ]
    known = {item.key: IDLE for item in unknown if is_idle(item, facts)}
    ask = [items.words(item) for item in unknown if item.key not in known]
    order = {"do": "look", "ask": ask, "brief": True}  # all else was told already
    more = told.facts(conversation.ask(order)).items if ask else {}
    return replace(facts, items={**facts.items, **known, **more})


def is_idle(item: Item, facts: Facts) -> bool:
    """Whether *item* is an instance of a template of ours: a look tells of all that are at work."""
    name, at, _ = item.name.partition("@")
    return bool(at) and isinstance(item, Unit) and has(f"file:{paths.UNITS}/{name}@.service", facts)


def has(key: str, facts: Facts) -> bool:
    return key in facts.owned and facts.items.get(key) is not None


def refuse_outdated(made: Plan, server: Iterable[Item], facts: Facts, wanted: House) -> None:
    """
    A site is made for the programs that this version has on the server, and for no others.

    One that is stopped runs none of them; and if it is broken, nothing else can be brought up to
    date before.
    """
    changed = {step.key for step in made.steps if not step.site}
    runs = {site for site, each in wanted.sites.items() if not each.stopped}
    stale = [why for item in server if item.key not in changed and (why := outdated(item, facts))]
    if stale and any(step.site in runs and step.verb == PUT for step in made.steps):
        raise Refused(
            stale[0],
            "`cinestream apply` brings the whole server up to date; `--plan` shows it first",
        )


def outdated(item: Item, facts: Facts) -> str:
    """Why *item*, which a plan leaves as it is, is not of this version; empty if it may be."""
    if item.name == f"{paths.SPECS}/server.toml":
        theirs, ours = migrations.version_of(facts.specs), migrations.OURS
        # What names no version may have lost the line to its owner.
        if theirs not in {migrations.FIRST, ours}:
            return f"this server was last changed by cinestream {theirs}, and this is {ours}"
    if item.name.startswith(f"{paths.LIBRARY}/") and not item.met_by(facts.items.get(item.key)):
        return f"`{item.name}` is not what this version of cinestream works with"
    return ""


def uploads(made: Plan, carried: Carried) -> Carried:
    """What the plan needs of what is *carried* or comes with cinestream."""
    needed = {blob for step in made.steps for blob in blobs(step)}
    common = {digest(each): each for each in (shipped().tools, shipped().runner)}
    offered = {**common, **carried.uploads}
    if needed - offered.keys():
        bundled = read_source(BUNDLED, wsgi="", requirements=None)
        offered |= bundled.uploads
    chosen = {name: content for name, content in offered.items() if name in needed}
    return replace(carried, uploads=chosen)


def refuse_uncarried(made: Plan, carried: Carried) -> None:
    for step in made.steps:
        for blob in blobs(step):
            if blob not in carried.uploads:
                raise OpsError(
                    f"`{step.item.name}` is not on the server any longer",
                    f"bring it again: `cinestream deploy {step.site or 'NAME'} --source ...`",
                )


def blobs(step: Step) -> Iterator[str]:
    """The uploads that *step* needs, by digest."""
    if step.verb != PUT:
        return
    if isinstance(step.item, Release | Venv):
        yield step.item.blob
    elif isinstance(step.item, Archive) and not step.item.url:
        yield step.item.sha256
