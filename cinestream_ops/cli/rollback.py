"""
`cinestream rollback`.
"""

from __future__ import annotations

from cinestream_ops import engine
from cinestream_ops.cli import change, deploying, session
from cinestream_ops.cli.options import Batch, Changing, ReleaseId, SiteName
from cinestream_ops.errors import NotFound
from cinestream_ops.spec import succession, toml
from cinestream_ops.spec.past import Past
from cinestream_ops.spec.site import Site


def rollback(name: SiteName, asked: Changing, to: ReleaseId = "", batch: Batch = 25) -> None:
    """
    Make an earlier release the site's again, by the same road as a deploy.

    What hooks did to a database is not undone: the pre and post hooks of the earlier release run.
    """
    with session.opened(asked) as host:
        there = host.site(name)
        past = wanted(there, to)
        keys = {**engine.told_by_release(host.conversation, there, past), **toml.told(past)}
        blank = {"ref": None, "wsgi": None}
        site = toml.edited(there, {**blank, **succession.succeeded(there, keys, deploying.now())})
        change.make(
            host,
            host.house.with_site(site),
            asked,
            doing=f"rollback {name} --to {past.release[:16]}",
            only={name},
            batch=batch,
        )


def wanted(there: Site, name: str) -> Past:
    """The earlier release that *name* names; `NotFound` says which there are."""
    past = succession.found(there, name)
    if past:
        return past
    ids = ", ".join(f"`{each.release[:16]}`" for each in there.past)
    hint = f"there are {ids}" if ids else "it has had one release, or keeps none (`--keep`)"
    what = f"no earlier release `{name}`" if name else "no earlier release"
    raise NotFound(f"`{there.name}` has {what}", f"{hint}; `cinestream releases {there.name}`")
