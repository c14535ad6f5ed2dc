"""
A site's code, brought from the owner's machine.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cinestream_ops import engine
from cinestream_ops.channel.conversation import Blob
from cinestream_ops.channel.deployed import Sent
from cinestream_ops.cli import origins, words
from cinestream_ops.cli.options import CodeOptions
from cinestream_ops.cli.session import Session
from cinestream_ops.engine import Carried, Origin
from cinestream_ops.errors import OpsError
from cinestream_ops.spec.names import WsgiName
from cinestream_ops.spec.past import Ref
from cinestream_ops.spec.secret import Secret
from cinestream_ops.spec.site import BUNDLED, Site


@dataclass(frozen=True)
class Code:
    """The keys of a spec that follow from the code, and what is to be uploaded from where."""

    keys: Mapping[str, Any] = field(default_factory=dict)
    uploads: Mapping[str, Blob] = field(default_factory=dict)
    origin: Origin | None = None

    def carried(self, site: str, secrets: Mapping[str, Secret] = {}) -> Carried:
        """As it is brought for *site*."""
        return Carried(self.uploads, secrets, {site: self.origin} if self.origin else {})


def read(
    source: str,
    wsgi: str,
    requirements: Path | None,
    ref: str = "",
    sends: Collection[str] = (),
) -> Code:
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
    if source == BUNDLED and sends:
        raise OpsError("the bundled site is sent whole", "`--send` goes with a source of your own")
    words.checked(WsgiName, wsgi)
    words.checked(Ref, ref)
    with TemporaryDirectory(prefix="cinestream-") as workdir:
        found = engine.read_source(
            source,
            wsgi=wsgi,
            requirements=requirements,
            workdir=Path(workdir),
            ref=ref,
            sends=[os.path.normpath(each) for each in sends],
        )
    named = {"source": absolute(source), "wsgi": wsgi, "ref": ref}
    digests = {"release": found.release, "requirements": found.requirements}
    keys = {**found.defaults, **named, **digests}
    return Code(keys, found.uploads, None if source == BUNDLED else origin(named, found))


def origin(named: Mapping[str, str], found: engine.Source) -> Origin:
    return Origin(
        source=named["source"],
        ref=named["ref"],
        commit=found.commit,
        release=found.release,
        files=found.files,
        size=found.size,
        left_out=found.left_out,
    )


def absolute(source: str) -> str:
    """A directory as it can be found again from anywhere; anything else as it is."""
    path = Path(source).expanduser()
    return str(path.resolve()) if source != BUNDLED and path.is_dir() else source


def of_site(host: Session, there: Site, options: CodeOptions) -> Code:
    """
    The code of the site that is *there*, as *options* name it.

    Raises `OpsError`, with nothing read, unless the owner stands for what its spec alone names.
    """
    source, ref = chosen(options, there.source, there.ref)
    known = Sent(absolute(source), ref)
    origins.vouch(host.target, there.name, known, options)
    return asked(options, there.source, there.wsgi, there.ref)


def chosen(options: CodeOptions, source: str, ref: str) -> tuple[str, str]:
    """The source and the branch that *options* name, or that stand where they are silent."""
    taken = options.source or source
    # The branch of one source says nothing about another.
    branch = ref if taken == source else ""
    return taken, branch if options.ref is None else options.ref


def asked(options: CodeOptions, source: str = BUNDLED, wsgi: str = "", ref: str = "") -> Code:
    """The code that *options* name; *source*, *wsgi* and *ref* stand where they are silent."""
    taken, branch = chosen(options, source, ref)
    # Nor does its application.
    kept = wsgi if taken == source or taken != BUNDLED else ""
    return read(
        taken,
        kept if options.wsgi is None else options.wsgi,
        options.requirements,
        branch,
        options.send,
    )
