"""
The agent as a program of its own, for the work that no controller asks for.

At boot it undoes what was unfinished; timers have it retry certificates and save sites, certbot
tells it of new certificates.
"""

from __future__ import annotations

import json
import os
import sys
from binascii import b2a_base64
from pathlib import Path
from typing import Callable, Dict, List, Sequence

from cinestream_ops.agent import unfinished
from cinestream_ops.state import paths

PROGRAM = """#!/usr/bin/python3 -IS
# What cinestream does here by itself.
import bz2, sys
from binascii import a2b_base64
BUNDLES = [a2b_base64(text) for text in %r]
for bundle in BUNDLES:
    exec(bz2.decompress(bundle))
from cinestream_ops.agent import program
sys.exit(program.main(sys.argv))
"""


def text(bundles: Sequence[bytes]) -> bytes:
    """A Python file that holds the *bundles*, and runs what is in them."""
    return (PROGRAM % [b2a_base64(each, newline=False).decode() for each in bundles]).encode()


def main(argv: List[str]) -> int:
    """Answer to one of `VERBS`; `recover HOME` comes from a conversation."""
    verb, *homes = argv[1:] or [""]
    if verb not in VERBS:
        sys.stderr.write(f"usage: {argv[0]} {'|'.join(VERBS)}\n")
        return 2
    return VERBS[verb](argv[0], homes)


def recover(me: str, homes: List[str]) -> int:
    """With a home it is a conversation that waits for us; without, the server is booting."""
    home = home_of(homes)
    writer = unfinished.writer(home)
    if writer and not writer.samefile(me):
        argv = [sys.executable, "-I", "-S", str(writer), "recover", *homes]
        os.execv(sys.executable, argv)  # noqa: S606 -- no shell is wanted
    from cinestream_ops.agent import recover as recovery

    json.dump(recovery.recover(home, booting=not homes), sys.stdout)
    return 0


def certify(_: str, homes: List[str]) -> int:
    from cinestream_ops.agent import pursuits

    return pursuits.retry(home_of(homes))


def renewed(_: str, homes: List[str]) -> int:
    from cinestream_ops.agent import renewal

    return renewal.renewed(home_of(homes))


def backup(_: str, words: List[str]) -> int:
    from cinestream_ops.agent import backup_daily

    return backup_daily.run(words, Path(paths.HOME))


def home_of(homes: List[str]) -> Path:
    return Path(homes[0] if homes else paths.HOME)


VERBS: Dict[str, Callable[[str, List[str]], int]] = {
    "recover": recover,
    "certify": certify,
    "renewed": renewed,
    "backup": backup,
}
