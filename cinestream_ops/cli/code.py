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
from cinestream_ops.cli.options import CodeOptions
from cinestream_ops.errors import OpsError
from cinestream_ops.spec.names import WsgiName
from cinestream_ops.spec.past import Ref
from cinestream_ops.spec.site import BUNDLED


@dataclass(frozen=True)
class Code:
    """The keys of a spec that follow from the code, and what is to be uploaded."""

    keys: Mapping[str, Any] = field(default_factory=dict)
    uploads: Mapping[str, bytes | Path] = field(default_factory=dict)


def read(source: str, wsgi: str, requirements: Path | None, ref: str = "") -> Code:
    """
    The code at *source*, before any server is asked.

    Raises `OpsError` when it cannot be read or has no such module.
    """
    if source == BUNDLED and (wsgi or requirements):
        raise OpsError(
            "the bundled site brings its own application and requirements",
            "`--source DIR|URL` names code of your own",
        )
    if source == BUNDLED and ref:
        raise OpsError("the bundled site has no branches", "`--ref` goes with a git repository")
    if source != BUNDLED and not wsgi:
        raise OpsError("a source of your own needs `--wsgi`", WsgiName.hint)
    words.checked(WsgiName, wsgi)
    words.checked(Ref, ref)
    with TemporaryDirectory(prefix="cinestream-") as workdir:
        found = engine.read_source(
            source, wsgi=wsgi, requirements=requirements, workdir=Path(workdir), ref=ref
        )
    named = {"source": absolute(source), "wsgi": wsgi, "ref": ref}
    digests = {"release": found.release, "requirements": found.requirements}
    return Code({**found.defaults, **named, **digests}, found.uploads)


def absolute(source: str) -> str:
    """A directory as it can be found again from anywhere; anything else as it is."""
    path = Path(source).expanduser()
    return str(path.resolve()) if source != BUNDLED and path.is_dir() else source


def asked(options: CodeOptions, source: str = BUNDLED, wsgi: str = "", ref: str = "") -> Code:
    """The code that *options* name; *source*, *wsgi* and *ref* stand where they are silent."""
    chosen = options.source or source
    # The application of one source says nothing about another, nor does its branch.
    kept = wsgi if chosen == source or chosen != BUNDLED else ""
    branch = ref if chosen == source else ""
    return read(
        chosen,
        kept if options.wsgi is None else options.wsgi,
        options.requirements,
        branch if options.ref is None else options.ref,
    )
