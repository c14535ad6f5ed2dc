"""
Where `setup` gets MongoDB from: an archive on this machine, one on the web, or none of ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cinestream_ops.cli import files, words
from cinestream_ops.cli.options import Mode, SetupOptions
from cinestream_ops.cli.session import Session
from cinestream_ops.errors import OpsError, Refused
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.spec.names import Digest
from cinestream_ops.spec.secret import Secret
from cinestream_ops.spec.server import Mongo
from cinestream_ops.state.facts import Machine

VERSION = "8.0.17"
# The systems that MongoDB's makers build for; source: https://www.mongodb.com/try/download
BUILDS = {
    ("debian", "12"): {"x86_64": "debian12"},
    ("ubuntu", "22.04"): {"x86_64": "ubuntu2204", "aarch64": "ubuntu2204"},
    ("ubuntu", "24.04"): {"x86_64": "ubuntu2404", "aarch64": "ubuntu2404"},
}
URI_KEY = "MONGODB_ELSEWHERE_URI"


@dataclass(frozen=True)
class Brought:
    """The spec's table, and what travels with it."""

    table: Mapping[str, Any]
    uploads: Mapping[str, bytes | Path] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)


def chosen(host: Session, options: SetupOptions) -> Brought:
    """What the options say, else the server's spec, else its inventory, else its system."""
    there = host.house.server.mongodb if host.house.server else None
    mode = options.mongodb or mode_of(options) or (Mode(there.mode) if there else Mode.ARCHIVE)
    if there and Mode(there.mode) not in {mode, Mode.NONE}:
        may_move(host.house, Mode(there.mode))
    if mode is Mode.NONE:
        return Brought({"mode": "none"})
    if mode is Mode.EXTERNAL:
        return external(options, there)
    if there and there.mode == "archive" and not options.mongodb_archive:
        return Brought(toml.told(there))
    archive, sha256 = options.mongodb_archive, options.mongodb_sha256 or ""
    if not archive and host.target.mongodb_archive:
        archive, sha256 = host.target.mongodb_archive, sha256 or host.target.mongodb_sha256
    return archived(archive or official(host.found.facts.machine), sha256)


def may_move(house: House, was: Mode) -> None:
    """Raises `Refused` where somebody's data would stay behind in the MongoDB that there *was*."""
    if living := [f"`{name}`" for name, site in house.sites.items() if site.database]:
        raise Refused(
            f"the databases of {', '.join(living)} are in the MongoDB that is there, `{was}`",
            "back these sites up and remove them first, and restore them afterwards:"
            " `cinestream backup create`, `remove-site`, `backup restore`",
        )


def mode_of(options: SetupOptions) -> Mode | None:
    """The mode that the other options only make sense with."""
    if options.mongo_uri_file:
        return Mode.EXTERNAL
    return Mode.ARCHIVE if options.mongodb_archive else None


def external(options: SetupOptions, there: Mongo | None) -> Brought:
    if options.mongo_uri_file:
        uri = Secret(files.text(options.mongo_uri_file).strip())
        return Brought({"mode": "external"}, secrets={f"/{URI_KEY}": uri})
    if there and there.mode == "external":
        return Brought(toml.told(there))
    raise OpsError(
        "an external MongoDB needs the URI of an administrator",
        "`--mongo-uri-file FILE` reads it from a file; it is never shown",
    )


def archived(archive: str, sha256: str) -> Brought:
    words.checked(Digest, sha256)
    if "://" not in archive:
        found = uploaded(Path(archive).expanduser(), sha256)
        return Brought({"mode": "archive", "sha256": found}, {found: Path(archive).expanduser()})
    if not sha256:
        raise OpsError(
            f"the SHA-256 of `{archive}` is not known",
            f"read it from `{archive}.sha256`, and give it with `--mongodb-sha256 HEX`",
        )
    return Brought({"mode": "archive", "url": archive, "sha256": sha256})


def uploaded(path: Path, sha256: str) -> str:
    """The digest of the archive at *path*; `OpsError` if it is not the one that was named."""
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise OpsError(f"`{path}` cannot be read: {error.strerror}") from None
    if sha256 and found != sha256:
        raise OpsError(
            f"`{path}` is not the archive that was named: its SHA-256 is {found}, not {sha256}",
            "download it again, or correct `--mongodb-sha256`",
        )
    return found


def official(machine: Machine) -> str:
    """The address of the makers' archive for *machine*; `OpsError` where they make none."""
    build = BUILDS.get((machine.os, machine.version), {}).get(machine.arch)
    if build is None:
        system = f"{machine.os} {machine.version} {machine.arch}"
        raise OpsError(
            f"MongoDB's makers have no archive for `{system}`",
            "name one with `--mongodb-archive PATH|URL`, or use `--mongodb external` or `none`",
        )
    name = f"mongodb-linux-{machine.arch}-{build}-{VERSION}.tgz"
    return f"https://fastdl.mongodb.org/linux/{name}"
