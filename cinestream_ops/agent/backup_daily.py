"""
A backup that this server makes by itself, into a directory of its own.

It can encrypt what is secret, and decrypt none of it: the key is the owner's.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import sys
import time
from base64 import b64decode
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List, Tuple

from cinestream_ops.agent import backup_record, backup_saving, backup_shelf, incoming, transient
from cinestream_ops.agent.backup_shelf import MANIFEST, Directory, Draft
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.stops import Stops
from cinestream_ops.state import paths

ENV = "env.age"
PATIENCE = 120  # seconds
VERSION = re.compile(r'^cinestream = "(.+)"$', re.MULTILINE)

Asked = Dict[str, str]


def run(words: List[str], home: Path) -> int:
    """The exit code: 1 if there is no new backup, or if old ones could not be deleted."""
    asked: Asked = {"database": "", **dict(word.split("=", 1) for word in words)}
    site, shelf = asked["site"], Directory(Path(asked["to"]))
    began = time.time()
    try:
        transient.sweep()
        incoming.discard(home)
        backup_record.write(home, site, began=began)
        path, missing = saved(asked, shelf, home)
        told = {"folder": shelf.named(path), "missing": missing}
        backup_record.write(home, site, good=began, **told)
        gone = backup_shelf.prune(shelf, site, int(asked["keep"]))
        backup_record.write(home, site, ended=time.time(), why="")
    except (Refused, OSError, EOFError) as error:
        why = sentence(error, shelf)
        say(f"the backup of `{site}` failed: {why}")
        # On a full disk this may fail as well; systemd remembers the code.
        with suppress(OSError):
            backup_record.write(home, site, ended=time.time(), why=why)
        return 1
    finally:
        incoming.discard(home)
    say(f"`{site}` is saved in `{shelf.named(path)}`; deleted {len(gone)} earlier backups")
    return 0


def sentence(error: Exception, shelf: Directory) -> str:
    if isinstance(error, OSError):
        return f"`{error.filename or shelf.named()}`: {error.strerror or error}"
    return error.why if isinstance(error, Refused) else f"it was stopped: {error}"


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def saved(asked: Asked, shelf: Directory, home: Path) -> Tuple[str, List[str]]:
    """
    The path of the new backup on *shelf*, and the stores that are not in it.

    Nothing is left there if it comes to no end.
    """
    stops = Stops()
    stops.listen()
    site, name = asked["site"], time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    refuse_small(shelf, backup_saving.measured(asked, Kit(home, stops=stops))["size"])
    with backup_shelf.draft(shelf, site, name) as draft:
        draft.write("site.toml", Path(paths.SPECS, "sites", f"{site}.toml").read_bytes())
        taker = Taker(draft)
        answer = backup_saving.saved(asked, Kit(home, taker.tell, stops=stops))
        finish(draft, taker.env, stated(asked, name, answer), answer, Kit(home, stops=stops))
    return f"{site}/{name}", answer["missing"]


def refuse_small(shelf: Directory, needed: int) -> None:
    free = shelf.free()
    if free is not None and needed > free:
        raise Refused(
            f"it takes about {needed >> 20} MiB, and `{shelf.named()}` has {free >> 20} MiB free"
        )


class Taker:
    """Puts what is told into the draft; the `.env` stays in memory."""

    def __init__(self, draft: Draft) -> None:
        self.env = b""
        self._draft = draft

    def tell(self, event: str, **told: Any) -> None:
        if event != "output":
            return
        piece = b64decode(told["data"])
        if told["to"] == backup_saving.ENV:
            self.env += piece
        else:
            self._draft.write(told["to"], piece)


def stated(asked: Asked, name: str, answer: Dict[str, Any]) -> Dict[str, Any]:
    """The manifest, but for its parts; its shape is that of `spec/backup.py`."""
    at_once = "snapshot" if answer.get("snapshot") else "per collection"
    version = VERSION.search(Path(paths.SPECS, "server.toml").read_text())
    # What is not there is not named, since the seal is over all that is.
    missing = {"missing": answer["missing"]} if answer["missing"] else {}
    return {
        **missing,
        "format": 1,
        "cinestream": version[1] if version else "unknown",
        "site": asked["site"],
        "taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.strptime(name, "%Y%m%dT%H%M%SZ")),
        "host": socket.gethostname(),
        "database": asked["database"],
        "consistency": at_once if asked["database"] else "none",
        "data_changed": False,
        "lock": {"cipher": "age", "recipient": asked["recipient"]},
    }


def finish(
    draft: Draft, env: bytes, told: Dict[str, Any], answer: Dict[str, Any], kit: Kit
) -> None:
    """The `.env`, encrypted together with the digest of all that the manifest says beside it."""
    draft.close()
    for name, count in answer.get("documents", {}).items():
        draft.count(f"database/{told['database']}/{name}", count)
    seal = sealed({**told, "parts": dict(draft.parts)})
    argv = ["age", "--encrypt", "--armor", "--recipient", told["lock"]["recipient"]]
    draft.write(ENV, kit.run(argv, PATIENCE, stdin=seal + b"\n" + env).encode())
    draft.close()
    whole = {**told, "parts": dict(draft.parts)}
    draft.write(MANIFEST, json.dumps(whole, indent=2, ensure_ascii=False).encode() + b"\n")


def sealed(manifest: Dict[str, Any]) -> bytes:
    """The digest that `Manifest.seal` is compared to."""
    text = json.dumps(manifest, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest().encode()
