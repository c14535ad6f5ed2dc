"""
The `.env` of a backup that a server made by itself, opened with the owner's key of age.

The program `age` does it, on this machine: the key goes nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
import subprocess
from pathlib import Path

from cinestream_ops.errors import OpsError
from cinestream_ops.spec.backup import Manifest


def opened(content: bytes, manifest: Manifest, identity: Path) -> bytes:
    """Raises `OpsError` without `age`, for another key, and for a manifest that was changed."""
    seal, _, env = decrypted(content, identity).partition(b"\n")
    if not hmac.compare_digest(seal, hashlib.sha256(manifest.sealed).hexdigest().encode()):
        raise OpsError(
            "the manifest of this backup was changed, or belongs to another one",
            "take another backup",
        )
    return env


def decrypted(content: bytes, identity: Path) -> bytes:
    # Asks for the passphrase of a key that has one by itself, at the terminal.
    argv = ["age", "--decrypt", "--identity", str(identity.expanduser())]
    try:
        done = subprocess.run(argv, input=content, capture_output=True, check=False)
    except FileNotFoundError:
        raise OpsError(
            "`age` is not installed on this machine, and it opens this backup",
            "install the package `age`; nothing else can read what is encrypted to its keys",
        ) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[0].removeprefix("age: error: ") if said else f"it ended with {done.returncode}"
        raise OpsError(
            f"`{identity}` does not open this backup: {why}",
            "`--identity` takes the file that `age-keygen` wrote",
        )
    return done.stdout
