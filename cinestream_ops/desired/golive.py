"""
What has to go well before and after a release goes live: the owner's programs, and a trial.
"""

from __future__ import annotations

from collections.abc import Iterator

from cinestream_ops.desired import places, program
from cinestream_ops.spec.hooks import Command
from cinestream_ops.spec.site import Site
from cinestream_ops.state import environment, paths
from cinestream_ops.state.items import Check, Hook, Trial


def importable(site: Site) -> Check:
    """Whether the new release runs in the new environment, before anything points to them."""
    argv = (
        python(site), "-B", paths.WORKER, "--check", "--wsgi", site.wsgi,
        "--source", places.release(site), "--env-file", places.env(site),
    )  # fmt: skip
    return Check(
        what=f"`{site.wsgi}` of `{site.name}` can be imported",
        argv=argv,
        site=site.name,
        properties=program.of_check(site),
    )


def hooks(site: Site) -> Iterator[Hook]:
    if site.hooks and site.hooks.pre:
        yield hook(site, site.hooks.pre, site.hooks.timeout, first=True)
    if site.hooks and site.hooks.post:
        yield hook(site, site.hooks.post, site.hooks.timeout, first=False)


def hook(site: Site, command: Command, timeout: int, *, first: bool) -> Hook:
    name, *arguments = command.words
    release = places.release(site)
    return Hook(
        what=f"the {'pre' if first else 'post'} hook `{name}` of `{site.name}`",
        site=site.name,
        argv=(*settled(site, release), python(site), "-B", f"{release}/{name}", *arguments),
        properties=program.properties(site),
        timeout=timeout,
        first=first,
    )


def trial(site: Site) -> Trial:
    """A worker as the others will be, on a port of the site's block that none of them has."""
    release = places.release(site)
    own = (paths.WORKER, "--port", "{port}", "--source", release, "--wsgi", site.wsgi)
    ours = (f"{release}/main.py", "--port", "{port}")
    return Trial(
        site=site.name,
        # It has no PYTHONPATH, as the others have none.
        argv=(*settled(site, ""), python(site), "-B", *(ours if site.bundled else own)),
        properties=program.properties(site),
        port=site.ports.stop,
        end=site.block.stop,
        host=next(iter(site.names), "localhost"),
    )


def settled(site: Site, release: str) -> tuple[str, ...]:
    return tuple(environment.settled(places.data(site), release))


def python(site: Site) -> str:
    return f"{places.venv(site)}/bin/python"
