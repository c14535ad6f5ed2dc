"""
Accounts that log in by a password alone: once sshd takes keys only, they get in no more.
"""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import Dict, Iterable, Iterator

from cinestream_ops.agent.examine import WARN, Finding, finding
from cinestream_ops.agent.machine import text

KEYS = (".ssh/authorized_keys", ".ssh/authorized_keys2")  # sshd_config(5), AuthorizedKeysFile
SHELLS = ("/nologin", "/false")


def shut_out(
    shadow: str = "/etc/shadow", known: Iterable[pwd.struct_passwd] = ()
) -> Iterator[Finding]:
    """A finding for each of the accounts *known*, which are all that there are."""
    hashes = passwords(text(shadow))
    for account in known or pwd.getpwall():
        named, opens = account.pw_name, not account.pw_shell.endswith(SHELLS)
        if opens and hashes.get(named) and not has_key(Path(account.pw_dir)):
            yield finding(
                WARN,
                f"`{named}` has a password and no key, and will not get in by SSH any more",
                "`ssh-copy-id` brings its key first; or leave sshd as it is: `--no-sshd`",
            )


def passwords(shadow: str) -> Dict[str, bool]:
    """By account, whether a password opens it: shadow(5), where `!` and `*` are none."""
    rows = (line.split(":") for line in shadow.splitlines())
    return {row[0]: row[1][:1] not in {"!", "*", ""} for row in rows if len(row) > 1}


def has_key(home: Path) -> bool:
    """Whether there is a file with something in it; which keys sshd takes is its own matter."""
    try:
        return any((home / name).stat().st_size for name in KEYS if (home / name).exists())
    except OSError:
        return False
