"""
`cinestream logs`.
"""

from __future__ import annotations

from cinestream_ops import engine
from cinestream_ops.cli import session, show
from cinestream_ops.cli.options import Follow, Lines, Reading, SiteName


def logs(name: SiteName, asked: Reading, follow: Follow = False, lines: Lines = 50) -> None:
    """Show the logs of a site's workers."""
    with session.opened(asked) as host:
        units = [*host.site(name).units, f"{name}-refresh.service"]
        speak = as_json if asked.as_json else show.line
        for text in engine.logs(host.conversation, name, units, follow=follow, lines=lines):
            speak(text)


def as_json(text: str) -> None:
    show.json_line({"line": text})
