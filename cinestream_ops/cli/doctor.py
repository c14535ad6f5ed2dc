"""
`cinestream doctor`.
"""

from __future__ import annotations

from cinestream_ops import engine
from cinestream_ops.cli import findings, session, show
from cinestream_ops.cli.options import Reading

COLUMNS = {"level": "level", "what": "what", "hint": "hint"}


def doctor(asked: Reading) -> None:
    """Look for trouble on a server, and say what to do; exit code 1 when something is broken."""
    with session.opened(asked) as host:
        found = engine.doctor(host.conversation, host.found)
    show.rows(found, COLUMNS, as_json=asked.as_json)
    findings.leave(found)
