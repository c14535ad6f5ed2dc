"""
The host keys somebody has vouched for, in OpenSSH's known_hosts files.

Decides whether a key is the server's own; never asks, and never accepts by itself.
The format is that of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from cinestream_ops.errors import ChangedHostKey, OpsError, UnknownHostKey

SHORT = {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA"}
REVOKED = "@revoked"


@dataclass(frozen=True)
class HostKey:
    """A public key: its type as on the wire (RFC 4253, 6.6), and the bytes that prove it."""

    type: str
    blob: bytes

    @property
    def kind(self) -> str:
        return SHORT.get(self.type, "ECDSA" if self.type.startswith("ecdsa-") else self.type)

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest())
        return "SHA256:" + digest.decode().rstrip("=")


@dataclass(frozen=True)
class Entry:
    """One line that speaks of a host."""

    file: str
    line: int
    marker: str
    key: HostKey

    @property
    def where(self) -> str:
        return f"`{self.file}`, line {self.line}"


class Unvouched(UnknownHostKey):
    """A key that `record` can put on record, once its owner has said yes."""

    def __init__(self, address: str, key: HostKey, file: str, hashed: bool) -> None:
        super().__init__(address, key.kind, key.fingerprint)
        self.key, self.file, self.hashed = key, file, hashed


@dataclass(frozen=True)
class KnownHosts:
    """The files in which a key may stand; the first is the owner's, where new ones go."""

    files: tuple[str, ...]
    hashed: bool = False

    def entries(self, address: str) -> tuple[Entry, ...]:
        """Every line for *address*, which is `HOST`, or `[HOST]:PORT` unless the port is 22."""
        return tuple(entry for file in self.files for entry in _entries(file, address))

    def check(self, address: str, shown: HostKey) -> None:
        """Raises `Unvouched` or `ChangedHostKey` unless *shown* is on record."""
        entries = self.entries(address)
        same = [entry for entry in entries if entry.key == shown]
        if revoked := [entry for entry in same if entry.marker == REVOKED]:
            raise ChangedHostKey(
                f"`{address}` shows the host key {shown.fingerprint}, "
                f"which {revoked[0].where} revokes",
                "a revoked key may be in strange hands: do not connect",
            )
        if same:
            return
        if others := [entry for entry in entries if not entry.marker]:
            raise changed(address, shown, others)
        raise Unvouched(address, shown, self.files[0], self.hashed)


def changed(address: str, shown: HostKey, entries: Sequence[Entry]) -> ChangedHostKey:
    """A key of another type counts as changed too, or a listener would only offer another type."""
    entry = next((each for each in entries if each.key.type == shown.type), entries[0])
    return ChangedHostKey(
        f"`{address}` shows the {shown.kind} host key {shown.fingerprint}, and not the "
        f"{entry.key.kind} key on record ({entry.where})"
    )


def record(unknown: Unvouched) -> None:
    """Appends the key to the owner's file; raises `OpsError` when that cannot be written."""
    name = _hash(unknown.address) if unknown.hashed else unknown.address
    line = f"{name} {unknown.key.type} {base64.b64encode(unknown.key.blob).decode()}\n"
    path = Path(unknown.file)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        torn = path.read_bytes()[-1:] not in {b"", b"\n"}
        with path.open("a") as known:
            known.write(("\n" if torn else "") + line)
    except OSError as error:
        raise OpsError(f"`{path}` cannot be written: {error.strerror}") from None


def _entries(file: str, address: str) -> Iterator[Entry]:
    try:
        lines = Path(file).read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        raise OpsError(f"`{file}` cannot be read: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        marker, names, key = _parts(line)
        if key and _speaks_of(names, address):
            yield Entry(file, number, marker, key)


def _parts(line: str) -> tuple[str, str, HostKey | None]:
    """Marker, names and key; no key for comments and for what cannot be read."""
    words = line.split()
    marker = words.pop(0) if words and words[0].startswith("@") else ""
    if len(words) < 3 or words[0].startswith("#"):
        return "", "", None
    try:
        return marker, words[0], HostKey(words[1], base64.b64decode(words[2], validate=True))
    except binascii.Error:
        return "", "", None


def _speaks_of(names: str, address: str) -> bool:
    if names.startswith("|1|"):
        _, _, salt, _ = names.split("|") if names.count("|") == 3 else ("",) * 4
        return bool(salt) and hmac.compare_digest(names, _hash(address, salt))
    patterns = names.lower().split(",")
    if any(_matches(each[1:], address) for each in patterns if each.startswith("!")):
        return False
    return any(_matches(each, address) for each in patterns)


def _matches(pattern: str, address: str) -> bool:
    """Only `*` and `?` are special; `[` belongs to the address."""
    return fnmatchcase(address.lower(), re.sub(r"\[", "[[]", pattern))


def _hash(address: str, salt: str = "") -> str:
    """`|1|salt|hash`: an HMAC-SHA1 of the name, both in base64 (HashKnownHosts)."""
    raw = base64.b64decode(salt) if salt else os.urandom(20)
    digest = hmac.digest(raw, address.lower().encode(), "sha1")
    return f"|1|{base64.b64encode(raw).decode()}|{base64.b64encode(digest).decode()}"
