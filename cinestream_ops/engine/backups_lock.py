"""
The `.env` of a backup, locked with a passphrase: scrypt (RFC 7914), and AES-256-GCM.

What the passphrase opens also vouches for the manifest, and so for every digest in it.
"""

from __future__ import annotations

import secrets

from cinestream_ops.errors import OpsError
from cinestream_ops.spec.backup import Hex, Lock, Manifest
from cinestream_ops.spec.secret import Secret

# 128 MiB and some tenths of a second: OWASP Password Storage Cheat Sheet, "scrypt".
N, R, P = 2**17, 8, 1
KEY, SALT, NONCE = 32, 16, 12  # bytes


def new() -> Lock:
    """A lock that no other backup has."""
    return Lock(
        cipher="AES-256-GCM",
        kdf="scrypt",
        n=N,
        r=R,
        p=P,
        salt=Hex(secrets.token_hex(SALT)),
        nonce=Hex(secrets.token_hex(NONCE)),
    )


def closed(env: bytes, manifest: Manifest, passphrase: Secret) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    lock = of(manifest)
    cipher = AESGCM(key(lock, passphrase))
    return cipher.encrypt(bytes.fromhex(lock.nonce), env, manifest.sealed)


def opened(content: bytes, manifest: Manifest, passphrase: Secret) -> bytes:
    """Raises `OpsError` for another passphrase, and for a manifest that was changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    lock = of(manifest)
    cipher = AESGCM(key(lock, passphrase))
    try:
        return cipher.decrypt(bytes.fromhex(lock.nonce), content, manifest.sealed)
    except InvalidTag:
        raise OpsError(
            "the passphrase does not open this backup, or its manifest was changed",
            "it is the one that was given to `backup create`",
        ) from None


def of(manifest: Manifest) -> Lock:
    assert isinstance(manifest.lock, Lock), "age opens its own"
    return manifest.lock


def key(lock: Lock, passphrase: Secret) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    salt = bytes.fromhex(lock.salt)
    made = Scrypt(salt=salt, length=KEY, n=lock.n, r=lock.r, p=lock.p)
    return made.derive(passphrase.reveal().encode())
