"""
Python for a server that was born without it.

Installs that one package, after saying so, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cinestream_ops.errors import Unreachable

Say = Callable[[str], None]
# An argv and a bound in seconds; answers with the exit status and the last words of it.
Run = Callable[[Sequence[str], float], tuple[int, str]]

# Not python3-minimal: that has no json (its README.Debian lists what it has).
PACKAGE = "python3"
APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120")
COMMANDS = (
    (*APT, "update"),
    (*APT, "install", "-y", "--no-install-recommends", PACKAGE),
)
WAIT = 600.0
MISSING = 127  # sh(1): the command was not found


def install_python(run: Run, address: str, say: Say) -> None:
    """Raises `Unreachable` when the server cannot get it; bounded by ten minutes a command."""
    say(f"`{address}` has no Python yet: installing the package `{PACKAGE}`")
    for command in COMMANDS:
        status, words = run(command, WAIT)
        if status:
            raise _failed(address, status, words)


def _failed(address: str, status: int, words: str) -> Unreachable:
    if status == MISSING:
        return Unreachable(
            f"`{address}` has neither Python nor `apt-get` to install it with",
            "only Debian and Ubuntu servers can be managed",
        )
    last = words.splitlines()[-1] if words else f"exit status {status}"
    return Unreachable(
        f"`{address}` has no Python, and could not install it: {last}",
        f"run `apt-get install {PACKAGE}` there, mend what it says, and try again",
    )
