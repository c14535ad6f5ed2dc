"""
`cinestream remove-site`.
"""

from __future__ import annotations

from cinestream_ops.cli import change, findings, session, show
from cinestream_ops.cli.options import Changing, Purge, SiteName
from cinestream_ops.cli.session import Session
from cinestream_ops.engine import leftovers
from cinestream_ops.errors import OpsError


def remove_site(name: SiteName, asked: Changing, purge: Purge = False) -> None:
    """Take a site down.  Its files, user and database stay, unless they are purged."""
    with session.opened(asked) as host:
        if purge and is_left(name, host):
            finish(name, host, asked)
            return
        host.site(name)
        change.make(
            host,
            host.house.without_site(name),
            asked,
            doing=f"remove-site {name}",
            only={name},
            purge={name} if purge else (),
        )


def is_left(name: str, host: Session) -> bool:
    """Whether the site *name* was removed, but not all of it."""
    return name not in host.house.sites and any(
        each["site"] == name for each in host.found.facts.leftovers
    )


def finish(name: str, host: Session, asked: Changing) -> None:
    """Remove what an earlier try had to leave; the owner agreed to it then."""
    if asked.plan_only:
        findings.tell(leftovers.findings(host.found.facts.leftovers))
        return
    left = leftovers.cleared(host.conversation, f"remove-site {name}", asked.wait)
    if asked.as_json:
        show.data({"doing": f"remove-site {name}", "changed": True, "leftovers": left})
    findings.tell(leftovers.findings(left))
    if any(each["site"] == name for each in left):
        raise OpsError(
            "not all that was to be removed is gone",
            f"mend what is in the way, then {leftovers.AGAIN}",
        )
    show.say(f"Done: remove-site {name}")
