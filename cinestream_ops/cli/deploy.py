"""
`cinestream deploy`.
"""

from __future__ import annotations

from cinestream_ops.cli import change, code, deploying, session
from cinestream_ops.cli.options import AcceptErrors, Batch, Changing, CodeOptions, SiteName
from cinestream_ops.spec import toml


def deploy(
    name: SiteName,
    options: CodeOptions,
    asked: Changing,
    batch: Batch = 25,
    accept_errors: AcceptErrors = False,
) -> None:
    """
    Make the code as it is now the site's release; no request is refused meanwhile.

    It is built beside the release that runs.  One worker of it has to be ready and answer; then
    the others restart, a few at a time.  The first that does not become ready sends everything
    back.  --source, --ref, --pre, --post and --keep are remembered.

    The plan says where the code comes from, and what of it is sent.  A source that this machine
    has not deployed there before is asked for first, which --yes does not answer and --source does.
    """
    with session.opened(asked) as host:
        there = host.site(name)
        brought = code.of_site(host, there, options)
        site = toml.edited(there, deploying.changes(there, options, brought))
        change.make(
            host,
            host.house.with_site(site),
            asked,
            doing=f"deploy {name}",
            only={name},
            carried=brought.carried(name),
            batch=batch,
            accept_errors=accept_errors,
        )
