"""
What a backup says of itself: its manifest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from cinestream_ops.errors import BadSpec, Fault
from cinestream_ops.spec.faults import faults
from cinestream_ops.spec.model import Model, Row
from cinestream_ops.spec.names import Digest, SiteName
from cinestream_ops.spec.past import Moment
from cinestream_ops.spec.saving import Recipient
from cinestream_ops.spec.words import Word

FORMAT = 1
MANIFEST, SPEC, ENV, SOURCE = "manifest.json", "site.toml", "env.enc", "source.tar"
ENV_OF_AGE = "env.age"
REQUIREMENTS, DATA = "requirements.txt", "data.tar"
METADATA, DOCUMENTS = ".metadata.json", ".bson"


class PartName(Word):
    """The path of a file in the folder of a backup: none leads out of it."""

    rule = re.compile(
        r"site\.toml|env\.(?:enc|age)|source\.tar|requirements\.txt|data\.tar"
        r"|database/[a-z][a-z0-9_-]{0,63}/[^/\0\n]{1,240}\.(?:bson|metadata\.json)"
    )
    refusal = "is not a part of a backup"
    hint = "the manifest is not as `backup create` wrote it"


class Hex(Word):
    """Bytes in hexadecimal."""

    rule = re.compile(r"(?:[0-9a-f]{2}){8,64}")
    refusal = "is not a row of bytes"
    hint = "the manifest is not as `backup create` wrote it"


class Part(Model):
    """One file; *size* in bytes, *documents* those of a collection."""

    size: int = Field(ge=0, description="its size in bytes")
    sha256: Digest = Field(description="its SHA-256")
    documents: int | None = Field(None, ge=0, description="how many documents it holds")


class Lock(Model):
    """
    How the `.env` was encrypted: a key by scrypt (RFC 7914), then AES-256-GCM (NIST SP 800-38D).

    The costs have an upper bound, so that a forged manifest cannot eat the memory of the machine.
    """

    cipher: Literal["AES-256-GCM"] = Field(description="the cipher")
    kdf: Literal["scrypt"] = Field(description="what makes a key of a passphrase")
    n: int = Field(ge=2**14, le=2**20, description="the cost, a power of two")
    r: int = Field(ge=8, le=8, description="the block size")
    p: int = Field(ge=1, le=4, description="how often")
    salt: Hex = Field(description="the salt")
    nonce: Hex = Field(description="the nonce")


class AgeLock(Model):
    """The `.env` was encrypted to a public key of age (https://age-encryption.org/v1)."""

    cipher: Literal["age"] = Field(description="the cipher")
    recipient: Recipient = Field(description="the public key")


class Manifest(Model):
    """One backup of one site."""

    format: Literal[1] = Field(description="the version of this format")
    cinestream: str = Field(description="the version that wrote it")
    site: SiteName = Field(description="the site")
    taken: Moment = Field(description="when it was begun")
    host: str = Field(description="the server that it was on")
    database: str = Field("", description="the name of its database")
    consistency: Literal["snapshot", "per collection", "none"] = Field(
        description="`snapshot`: the database as it was at one moment"
    )
    data_changed: bool = Field(
        False, description="true, of an older version: files in `data` changed while they were read"
    )
    missing: Row[str] | None = Field(
        None, description="stores that the `.env` leads to, and that are not in the backup"
    )
    lock: Lock | AgeLock = Field(discriminator="cipher", description="how the `.env` was encrypted")
    parts: dict[PartName, Part] = Field(description="the files, by their paths")

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts.values())

    @property
    def documents(self) -> int:
        return sum(part.documents or 0 for part in self.parts.values())

    @property
    def env(self) -> PartName:
        """The part that is the `.env`."""
        return PartName(ENV_OF_AGE if isinstance(self.lock, AgeLock) else ENV)

    @property
    def sealed(self) -> bytes:
        """All that whoever opens the `.env` knows to be as it was, beside the `.env` itself."""
        table = told(self)
        table["parts"].pop(self.env, None)
        return json.dumps(table, sort_keys=True).encode()

    @property
    def collections(self) -> Mapping[PartName, PartName | None]:
        """By the path of its metadata, that of a collection's documents; none for a view."""
        metadata = [name for name in self.parts if name.endswith(METADATA)]
        documents = [PartName(name.removesuffix(METADATA) + DOCUMENTS) for name in metadata]
        return {
            name: each if each in self.parts else None
            for name, each in zip(metadata, documents, strict=True)
        }


def manifest(table: object, where: str) -> Manifest:
    """*table* as a manifest; raises BadSpec with every fault, at addresses below *where*."""
    if not isinstance(table, dict):
        raise BadSpec([Fault(where, "is not a manifest")])
    if table.get("format") != FORMAT:
        hint = "another version of cinestream wrote it: read it with that one"
        raise BadSpec([Fault(f"{where}/format", f"only format {FORMAT} is known", hint)])
    try:
        return Manifest.model_validate(table)
    except ValidationError as error:
        raise BadSpec(faults(error, Manifest, where)) from None


def told(of: Manifest) -> dict[str, Any]:
    return of.model_dump(mode="json", exclude_none=True)
