"""
`cinestream rename-site`.
"""

from __future__ import annotations

from cinestream_ops.cli import change, origins, session, show, words
from cinestream_ops.cli.change import Reporting
from cinestream_ops.cli.options import Changing, NewSiteName, OldSiteName
from cinestream_ops.cli.session import Session
from cinestream_ops.engine import Outcome, renaming
from cinestream_ops.engine.renaming import Renaming
from cinestream_ops.spec import names


def rename_site(name: OldSiteName, new: NewSiteName, asked: Changing) -> None:
    """
    Call a site otherwise, while it goes on serving.

    Its domains, data, database and keys stay; it gets another user name, ports and folder.
    Earlier releases are forgotten.
    """
    words.checked(names.SiteName, new)
    with session.opened(asked) as host:
        host.need_server()
        was = host.site(name)
        site = renaming.site_of(was, host.found, new)
        found = renaming.renaming(host.conversation, was, site)
        make(host, found, asked, f"rename-site {name} {new}")


def make(host: Session, found: Renaming, asked: Changing, doing: str) -> None:
    plan, moving = renaming.plan_of(host.conversation, host.found, found)

    def work(report: Reporting) -> Outcome:
        return renaming.rename(
            host.conversation,
            host.found,
            found,
            plan,
            doing=doing,
            wait=asked.wait,
            report=report(plan),
        )

    tell(found)
    tell_moving(moving, found.was.name, found.site.name)

    def inherit() -> None:
        origins.inherit(host.target, found.was.name, found.site.name)

    change.make_true(host, plan, asked, work, doing=doing, once=inherit)


def tell_moving(names: list[str], old: str, new: str) -> None:
    """The variables that lead into one home, and will lead into the other."""
    if names:
        listed = ", ".join(f"`{name}`" for name in names)
        show.say(f"In {listed}, `/var/www/{old}` becomes `/var/www/{new}`")


def tell(found: Renaming) -> None:
    """What of the site does not come along."""
    if count := len(found.was.past):
        show.warning(
            f"{count} earlier release{'' if count == 1 else 's'} of `{found.was.name}` will be "
            "forgotten, and cannot be rolled back to",
            "`cinestream rollback` before, if the release that runs is not the one to keep",
        )
