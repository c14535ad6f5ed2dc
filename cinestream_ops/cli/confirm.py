"""
Questions, asked on a terminal and nowhere else.
"""

from __future__ import annotations

import sys

from cinestream_ops.cli import mouth, show
from cinestream_ops.errors import OpsError, UnknownHostKey
from cinestream_ops.spec.secret import Secret


def agreed(question: str) -> bool:
    """The answer to *question*, asked on stderr; the end of input is a no."""
    mouth.ask(f"{question} [y/N]")
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except UnicodeDecodeError:
        return False


def possible() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def change() -> bool:
    if not sys.stdin.isatty():
        raise OpsError(
            "there is no terminal to ask at; nothing was changed",
            "`--yes` makes the change without asking, `--plan` only shows it",
        )
    return agreed("Make this change?")


def host_key(unknown: UnknownHostKey) -> bool:
    """Whether the owner vouches for the key of a server that is met for the first time."""
    if not sys.stdin.isatty():
        return False
    show.say(str(unknown))
    return agreed("Is this the server's key?")


def passphrase(path: str) -> str | None:
    """The words that unlock the private key at *path*; None where nobody can be asked."""
    return mouth.ask_unseen(f"Passphrase of `{path}`") if sys.stdin.isatty() else None


def secret(name: str) -> Secret:
    """The value of the secret *name*, typed unseen."""
    if not sys.stdin.isatty():
        raise OpsError(
            f"there is no terminal to ask at for the value of `{name}`",
            "`--from-file FILE` reads it from a file, `--from-file -` from stdin",
        )
    return Secret(mouth.ask_unseen(f"Value of {name}"))
