"""
`cinestream clone-site`.
"""

from __future__ import annotations

from collections.abc import Mapping

from cinestream_ops.cli import (
    capacity,
    change,
    deploying,
    origins,
    rename_site,
    session,
    show,
    words,
)
from cinestream_ops.cli.change import Reporting
from cinestream_ops.cli.options import (
    NONE,
    Changing,
    Domains,
    FromSite,
    NewSite,
    WithoutData,
    Workers,
)
from cinestream_ops.cli.session import Session
from cinestream_ops.engine import Outcome, cloning
from cinestream_ops.engine.cloning import Cloning
from cinestream_ops.spec import names


def clone_site(
    name: FromSite,
    new: NewSite,
    asked: Changing,
    domains: Domains = NONE,
    workers: Workers = None,
    without_data: WithoutData = False,
) -> None:
    """
    Make a second site like a first one, with its code, variables, files and database.

    All of it is copied on the server, while the first goes on serving.  It gets a user, ports, a
    database and keys of its own, and no domain but those that are named.
    """
    words.checked(names.SiteName, new)
    keys = {"domains": list(domains)} | ({"workers": workers} if workers is not None else {})
    with session.opened(asked) as host:
        host.need_server()
        was = host.site(name)
        site = cloning.site_of(was, host.found, new, keys, deploying.now())
        made = cloning.cloning(host.conversation, was, site, data=not without_data)
        make(host, made, asked, f"clone-site {name} {new}")


def make(host: Session, made: Cloning, asked: Changing, doing: str) -> None:
    house = host.house.with_site(made.site)
    capacity.warn(house, host.found.facts.machine)
    sizes, moving = cloning.weigh(host.conversation, host.found, made)
    plan = cloning.plan_of(host.conversation, host.found, made, {made.site.name})

    def work(report: Reporting) -> Outcome:
        return cloning.clone(host.conversation, made, doing=doing, wait=asked.wait, report=report)

    tell(made, sizes, asked)
    rename_site.tell_moving(moving, made.was.name, made.site.name)

    def inherit() -> None:
        origins.inherit(host.target, made.was.name, made.site.name)

    change.make_true(host, plan, asked, work, doing=doing, also={"copied": sizes}, once=inherit)


def tell(made: Cloning, sizes: Mapping[str, int], asked: Changing) -> None:
    """What is copied before there is anything to plan for."""
    if asked.as_json and asked.plan_only:
        return
    speak = show.line if asked.plan_only else show.say
    told = [
        f"{part} of `{made.was.name}`, {show.size(size)}"
        for part, size in sizes.items()
        if size or (part != "release" and made.data)
    ]
    told.append(f"what the owner put into the `.env` of `{made.was.name}`")
    speak(f"Copy (on the server; is removed again if the change fails): {len(told)}")
    for each in told:
        speak(f"  - {each}")
    speak("")
