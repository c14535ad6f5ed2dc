"""
When a server saves a site by itself, where to, and for whose eyes.
"""

from __future__ import annotations

import re

from pydantic import Field

from cinestream_ops.spec.model import Model
from cinestream_ops.spec.words import NotAllowed, Word

SHELF = "/var/backups/cinestream"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
# What is there already, holds secrets, is gone after a boot, or is closed to the program.
TAKEN = (
    "bin", "boot", "dev", "etc", "home", "lib", "lib64", "proc", "root", "run", "sbin", "sys",
    "tmp", "usr", "opt/mongodb", "var/cache", "var/lib", "var/log", "var/run", "var/tmp", "var/www",
)  # fmt: skip


class Recipient(Word):
    """A public key of age (https://age-encryption.org/v1, "X25519 recipient")."""

    rule = re.compile(r"age1[02-9ac-hj-np-z]{58}", re.ASCII)
    refusal = "is not a public key of age"
    hint = "`age-keygen -o KEY` makes a key, and tells its public one: it begins with `age1`"

    @classmethod
    def spelled(cls, text: str) -> str:
        if cls.rule.fullmatch(text) and not sound(text):
            raise NotAllowed("is not a public key of age: a letter of it is wrong", cls.hint)
        return text


def sound(text: str) -> bool:
    """Whether the checksum at the end of *text* fits it (BIP 173, "Checksum")."""
    prefix, _, data = text.rpartition("1")
    values = [*(ord(each) >> 5 for each in prefix), 0, *(ord(each) & 31 for each in prefix)]
    check = 1
    for value in (*values, *map(BECH32.index, data)):
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate(GENERATOR):
            check ^= term if top >> bit & 1 else 0
    return check == 1


class ShelfPath(Word):
    """A directory on the server that may hold backups."""

    rule = re.compile(r"(/[A-Za-z0-9][\w.-]*)+", re.ASCII)
    refusal = "is not a directory that keeps backups"
    hint = f"write it as in `{SHELF}` or `/mnt/backups`: from `/` on, without spaces"

    @classmethod
    def spelled(cls, text: str) -> str:
        if any(f"{text}/".startswith(f"/{each}/") for each in TAKEN):
            raise NotAllowed("is no place for backups: it is the system's or a user's", cls.hint)
        return text


class TimeOfDay(Word):
    rule = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
    refusal = "is not a time of day"
    hint = "write it as in `03:00`; it is that of the server's clock"


class Saving(Model):
    """A backup of the site every day, made by its server."""

    daily: TimeOfDay = Field(description="the time of day, as in `03:00`")
    keep: int = Field(14, ge=1, le=1000, description="how many backups stay, the latest")
    recipient: Recipient = Field(description="the public key that the `.env` is encrypted to")
    directory: ShelfPath = Field(ShelfPath(SHELF), description="where, on the server")
