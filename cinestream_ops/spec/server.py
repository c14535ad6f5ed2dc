"""
The server itself, as its owner asked for it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from cinestream_ops.spec.model import Model, Row
from cinestream_ops.spec.names import Digest, Email, HttpsUrl
from cinestream_ops.spec.network import Opening
from cinestream_ops.spec.version import Version
from cinestream_ops.spec.words import NotAllowed

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
LETS_ENCRYPT_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"

NOTHING: Any = ""


class Mongo(Model):
    """Where databases live: in an archive we run, at an address of the owner's, or nowhere."""

    mode: Literal["archive", "external", "none"] = Field(
        "none", description="`archive`: run here; `external`: somebody else's; `none`"
    )
    url: HttpsUrl = Field(NOTHING, description="where the archive is; empty: it is uploaded")
    sha256: Digest = Field(
        NOTHING, description="the SHA-256 that MongoDB publishes beside the archive",
        validate_default=True,
    )  # fmt: skip
    cache: int | None = Field(
        None, ge=256, le=2**20, description="MiB of memory for the database's cache"
    )

    @field_validator("sha256")
    @classmethod
    def _proves_the_archive(cls, sha256: Digest, info: ValidationInfo) -> Digest:
        if info.data.get("mode") == "archive" and not sha256:
            raise NotAllowed(
                "an archive needs its digest",
                "take it from the `.sha256` file that MongoDB publishes beside the archive",
                shown=False,
            )
        return sha256


def nothing_asked() -> Mongo:
    return Mongo.model_validate({})


Port = Annotated[int, Field(ge=1, le=65535)]


class Hardening(Model):
    """What of the server itself is made harder to get into; what is not named is left alone."""

    sshd: bool | None = Field(None, description="true: keys alone log in, by sshd's own files")
    inbound: bool | None = Field(
        None, description="true: nobody connects, but to 80, 443 and what is listed here"
    )
    logins: Row[Port] = Field((), description="the TCP ports that sshd listens on")
    open: Row[Opening] = Field((), description="what else may be connected to, as `8443/tcp`")


class Server(Model):
    """What all sites share."""

    cinestream: Version = Field(
        NOTHING, description="the version that last made the server; it writes this itself"
    )
    email: Email = Field(NOTHING, description="where the certificate authority may write to")
    acme_directory: HttpsUrl = Field(
        HttpsUrl(LETS_ENCRYPT), description="the certificate authority's directory"
    )
    mongodb: Mongo = Field(default_factory=nothing_asked, description="where databases live")
    hardening: Hardening | None = Field(
        None, description="what is made harder to get into; `setup` writes it"
    )
    unattended_upgrades: bool = Field(
        True, description="true: the distribution's security updates install themselves"
    )

    @field_validator("acme_directory")
    @classmethod
    def _is_somewhere(cls, url: HttpsUrl) -> HttpsUrl:
        if not url:
            raise NotAllowed("a certificate authority is needed", HttpsUrl.hint, shown=False)
        return url
