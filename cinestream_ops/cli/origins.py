"""
Where the code of a site comes from: asked for, told, and remembered on this machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import groupby
from typing import Any, TypeAlias

from cinestream_ops.channel import deployed
from cinestream_ops.channel.deployed import Sent
from cinestream_ops.channel.target import Target
from cinestream_ops.cli import confirm, show
from cinestream_ops.cli.options import CodeOptions
from cinestream_ops.engine import Origin
from cinestream_ops.engine.selection import CACHE, LeftOut
from cinestream_ops.errors import OpsError
from cinestream_ops.plan import Plan
from cinestream_ops.spec.faults import safe
from cinestream_ops.spec.site import BUNDLED
from cinestream_ops.state.items import Release
from cinestream_ops.state.steps import PUT

Origins: TypeAlias = Mapping[str, Origin]
NONE: Origins = {}
HINT = "`--source PATH` (and `--ref`) says what is meant; `--yes` does not answer this"


def vouch(target: Target, site: str, named: Sent, options: CodeOptions) -> None:
    """
    Raise `OpsError` unless somebody here stands for the source that is *named* for *site*.

    The owner does, on the command line or when asked, or this machine, which sent it before. What
    a server's spec says is its own word, and everything on this machine could be named there.
    """
    if target.local or named.source == BUNDLED:
        return
    before = deployed.known(os.environ, target, site)
    same_source = options.source is not None or (before and before.source == named.source)
    same_ref = options.ref is not None or named.ref == (before.ref if before else "")
    # Who names the source and no branch has the one that its repository begins with.
    if same_source and (same_ref or (options.source is not None and not named.ref)):
        return
    what = f"`{safe(target.name)}` names {place(named)} as the code of `{safe(site)}`"
    last = f"this machine last sent it {place(before)}" if before else "this machine never sent it"
    if not confirm.possible():
        raise OpsError(f"{what}, and {last}", HINT)
    show.say(f"{what}, and {last}")
    if not confirm.agreed("Is this what you want to send there?"):
        raise OpsError("nothing was sent, and nothing was changed", HINT)


def place(sent: Sent) -> str:
    return f"`{safe(sent.source)}`" + (f" at `{safe(sent.ref)}`" if sent.ref else "")


def remember(target: Target, origins: Origins) -> None:
    """Take it for the owner's word from now on; a change that is made is not undone for this."""
    if target.local or not origins:
        return
    sent = {site: Sent(each.source, each.ref) for site, each in origins.items()}
    try:
        deployed.remember(os.environ, target, sent)
    except OpsError as error:
        show.warning(f"{error}; the next deploy from here asks for the source", error.hint)


def inherit(target: Target, old: str, new: str) -> None:
    """Let what was sent as the site *old* count for *new*, which was made of it."""
    try:
        if not target.local and (sent := deployed.known(os.environ, target, old)):
            deployed.remember(os.environ, target, {new: sent})
    except OpsError as error:
        show.warning(str(error), error.hint)


def lines(origins: Origins, plan: Plan) -> Iterator[str]:
    """What is sent of each site that *plan* touches, and what of it stays at home."""
    touched = {step.site for step in plan.steps}
    sent = releases(plan)
    for site, origin in origins.items():
        if site in touched or (not plan and any(shown(origin))):
            there = "" if origin.release in sent else "; the server has it already"
            yield f"Code of {site}: {sentence(origin)}{there}"
            yield from (f"  - stays here: {each}" for each in shown(origin))
            yield ""


def releases(plan: Plan) -> set[str]:
    """The digests of what *plan* uploads."""
    put = (step.item for step in plan.steps if step.verb == PUT)
    return {item.blob for item in put if isinstance(item, Release)}


def sentence(origin: Origin) -> str:
    files = "1 file" if origin.files == 1 else f"{origin.files} files"
    size = f"{files}, {show.size(origin.size)}"
    if not origin.commit:
        return f"from this machine: `{safe(origin.source)}`, {size}"
    ref = safe(origin.ref) or "its default branch"
    return f"from `{safe(origin.source)}` at {ref} ({origin.commit[:12]}), {size}"


def shown(origin: Origin) -> Iterator[str]:
    """What stays at home by the reason; nobody misses a cache."""
    kept = sorted((each for each in origin.left_out if each.why != CACHE), key=reason)
    for why, group in groupby(kept, reason):
        names = [safe(each.path) for each in group]
        yield f"{why}: {show.few(names)}"


def reason(left_out: LeftOut) -> str:
    return left_out.why


def data(origins: Origins) -> list[dict[str, Any]]:
    return [
        {"site": site, "from": "git" if each.commit else "directory", **asdict(each)}
        for site, each in origins.items()
    ]
