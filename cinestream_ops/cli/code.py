"""
A site's code, brought from the owner's machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cinestream_ops import engine
from cinestream_ops.cli import words
from cinestream_ops.cli.options import SiteOptions
from cinestream_ops.errors import OpsError
from cinestream_ops.spec.names import WsgiName
from cinestream_ops.spec.site import BUNDLED


@dataclass(frozen=True)
class Code:
    """The keys of a spec that follow from the code, and what is to be uploaded."""

    keys: Mapping[str, Any] = field(default_factory=dict)
    uploads: Mapping[str, bytes | Path] = field(default_factory=dict)


def read(source: str, wsgi: str, requirements: Path | None) -> Code:
    """
    The code at *source*, before any server is asked.

    Raises `OpsError` when it cannot be read or has no such module.
    """
    if source == BUNDLED and (wsgi or requirements):
        raise OpsError(
            "the bundled site brings its own application and requirements",
            "`--source DIR|URL` names code of your own",
        )
    if source != BUNDLED and not wsgi:
        raise OpsError("a source of your own needs `--wsgi`", WsgiName.hint)
    words.checked(WsgiName, wsgi)
    with TemporaryDirectory(prefix="cinestream-") as workdir:
        found = engine.read_source(
            source, wsgi=wsgi, requirements=requirements, workdir=Path(workdir)
        )
    named = {"source": absolute(source), "wsgi": wsgi}
    digests = {"release": found.release, "requirements": found.requirements}
    return Code({**found.defaults, **named, **digests}, found.uploads)


def absolute(source: str) -> str:
    """A directory as it can be found again from anywhere; anything else as it is."""
    path = Path(source).expanduser()
    return str(path.resolve()) if source != BUNDLED and path.is_dir() else source


def asked(options: SiteOptions, source: str = BUNDLED, wsgi: str = "") -> Code:
    """The code that *options* name; *source* and *wsgi* stand where they are silent."""
    chosen = options.source or source
    # The application of one source says nothing about another.
    kept = wsgi if chosen == source or chosen != BUNDLED else ""
    return read(chosen, kept if options.wsgi is None else options.wsgi, options.requirements)
