"""
`cinestream history`.
"""

from __future__ import annotations

from cinestream_ops import engine
from cinestream_ops.cli import session, show
from cinestream_ops.cli.options import Reading

COLUMNS = {"when": "when", "who": "who", "doing": "what", "outcome": "outcome", "why": "why"}


def history(asked: Reading) -> None:
    """Tell who changed what, and when."""
    with session.opened(asked) as host:
        found = engine.history(host.conversation)
    told = [{**entry, "when": show.when(entry["when"])} for entry in found]
    show.rows(told, COLUMNS, as_json=asked.as_json)
