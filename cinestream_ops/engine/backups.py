"""
Backups of a site on a shelf: taken, and compared to what a database makes of them.
"""

from __future__ import annotations

import getpass
import json
import socket
import time
from base64 import b64decode
from collections.abc import Callable, Collection, Mapping
from typing import Any

from cinestream_ops import __version__
from cinestream_ops.agent import backup_shelf
from cinestream_ops.agent.backup_shelf import Draft
from cinestream_ops.channel.conversation import REFUSALS, Blob, Conversation
from cinestream_ops.desired import places
from cinestream_ops.engine import backups_folder, backups_lock
from cinestream_ops.engine.backups_folder import Shelf, Stored
from cinestream_ops.engine.looking import Found
from cinestream_ops.errors import OpsError, StrangeAnswer
from cinestream_ops.spec.backup import (
    DATA,
    DOCUMENTS,
    ENV,
    FORMAT,
    MANIFEST,
    SPEC,
    Manifest,
    PartName,
    told,
)
from cinestream_ops.spec.secret import Secret
from cinestream_ops.spec.site import Site
from cinestream_ops.spec.words import NotAllowed

PLAIN_ENV = ".env"  # as the server calls it; it never gets to a disk by this name
LARGEST_ENV = 16 << 20  # bytes
GROWTH = 1 << 30  # bytes beyond twice what was announced: a site goes on while it is saved
LEAST = 4096  # bytes that a file takes, however little is in it
Told = Callable[[str, int, int], None]


def create(
    conversation: Conversation,
    found: Found,
    site: Site,
    shelf: Shelf,
    passphrase: Secret,
    report: Told = lambda *_: None,
) -> tuple[Stored, Manifest]:
    """
    The folder of a new backup of *site* on *shelf*, and what it says of itself.

    Raises `Refused` or `OpsError`, and leaves no folder then.  *report* hears of each MiB.
    """
    order = {**saving(found, site), "who": f"{getpass.getuser()}@{socket.gethostname()}"}
    needed = answered(conversation, {**order, "act": "measure"})["size"]
    backups_folder.refuse_small(shelf, needed)
    name = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    folder = Stored(shelf, f"{site.name}/{name}")
    try:
        with backup_shelf.draft(shelf, site.name, name) as draft:
            draft.write(SPEC, found.facts.specs[f"sites/{site.name}.toml"].encode())
            taker = Taker(draft, needed, report)
            answer = answered(conversation, {**order, "act": "save"}, took=taker.took)
            made = finished(draft, taker.env, stated(found, site, name, answer), passphrase)
    except OSError as error:
        raise OpsError(
            f"`{error.filename or shelf.named()}` cannot be written: {error.strerror}",
            "nothing of this backup is left there",
        ) from None
    return folder, made


def saving(found: Found, site: Site) -> dict[str, Any]:
    """The order that names *site*."""
    return {
        "do": "backup",
        "home": places.home(site),
        "user": site.user,
        "database": site.database_name if has_database(found, site) else "",
    }


def has_database(found: Found, site: Site) -> bool:
    server = found.house.server
    return bool(site.database) and server is not None and server.mongodb.mode != "none"


def answered(
    conversation: Conversation,
    order: Mapping[str, Any],
    blobs: Mapping[str, Blob] = {},
    took: Callable[[str, bytes], None] = lambda *_: None,
) -> dict[str, Any]:
    """What the agent answers in the end; raises `Refused`, or what it is a kind of."""
    for event in conversation.events(order, blobs):
        if event["event"] == "output":
            took(event["to"], b64decode(event["data"]))
        if event["event"] == "refused":
            raise REFUSALS[event["kind"]](event["why"], event["hint"])
    return event


class Taker:
    """Puts what the server tells where it belongs; the `.env` stays in memory."""

    def __init__(self, draft: Draft, needed: int, report: Told) -> None:
        self.env = b""
        self._draft, self._needed, self._report = draft, needed, report
        self._size = self._taken = 0

    def took(self, to: str, piece: bytes) -> None:
        if to == PLAIN_ENV:
            self.env += piece
            if len(self.env) > LARGEST_ENV:
                raise StrangeAnswer("a `.env` without end")
            return
        name = part_name(to)
        self._taken += len(piece) + (name not in self._draft.parts) * LEAST
        if self._taken > 2 * self._needed + GROWTH:
            raise StrangeAnswer(f"far more than the {self._needed >> 20} MiB that it announced")
        self._draft.write(name, piece)
        self._size += len(piece)
        self._report(f"save {to}", self._size >> 20, max(self._needed, self._size) >> 20)


def part_name(name: str) -> PartName:
    """What the server calls a part: it may not lead out of the folder."""
    try:
        return PartName(name)
    except NotAllowed:
        raise OpsError(f"the server sent a file called `{name}`, which no backup has") from None


def stated(found: Found, site: Site, name: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest, but for its parts."""
    database = site.database_name if has_database(found, site) else ""
    at_once = "snapshot" if answer.get("snapshot") else "per collection"
    return {
        "format": FORMAT,
        "cinestream": __version__,
        "site": site.name,
        "taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.strptime(name, "%Y%m%dT%H%M%SZ")),
        "host": found.facts.machine.hostname,
        "database": database,
        "consistency": at_once if database else "none",
        "missing": answer["missing"] or None,
        "documents": answer.get("documents", {}),
        "lock": backups_lock.new(),
    }


def finished(draft: Draft, env: bytes, stated: dict[str, Any], passphrase: Secret) -> Manifest:
    """The manifest in its place, with the `.env` locked to it."""
    draft.close()
    documents = stated.pop("documents")
    for name, count in documents.items():
        draft.count(f"database/{stated['database']}/{name}", count)
    before = Manifest.model_validate({**stated, "parts": draft.parts})
    draft.write(ENV, backups_lock.closed(env, before, passphrase))
    draft.close()
    made = Manifest.model_validate({**stated, "parts": draft.parts})
    text = json.dumps(told(made), indent=2, ensure_ascii=False) + "\n"
    draft.write(MANIFEST, text.encode())
    return made


def inspect(conversation: Conversation, folder: Stored, found: Manifest) -> None:
    """
    Have the server check the SQLite databases in the data of a backup.

    Raises `OpsError` that names each that is not whole.
    """
    data = found.parts[PartName(DATA)].sha256
    order = {"do": "backup", "act": "inspect", "data": data}
    if faults := answered(conversation, order, {data: folder / DATA})["faults"]:
        raise OpsError(
            f"these SQLite databases in the backup are not whole: {broken(faults)}",
            "take another backup; `restore` brings them back as they are, and "
            "`sqlite3 FILE .recover` reads what is left in one",
        )


def broken(faults: Collection[Mapping[str, str]]) -> str:
    return "; ".join(f"`{each['path']}`: {each['why']}" for each in faults)


def compare(conversation: Conversation, folder: Stored, found: Manifest) -> None:
    """
    Load the database of a backup into one of its own on the server, and drop that again.

    Raises `OpsError` that names each collection that is not the same there.
    """
    named, blobs = collections(folder, found)
    order = {"do": "backup", "act": "compare", "collections": named}
    held = answered(conversation, order, blobs)["held"]
    saved = {
        name.rpartition("/")[2]: {"sha256": part.sha256, "documents": part.documents}
        for name, part in found.parts.items()
        if name.endswith(DOCUMENTS)
    }
    other = sorted(name for name in {*saved, *held} if saved.get(name) != held.get(name))
    if other:
        told = ", ".join(f"`{name.removesuffix(DOCUMENTS)}`" for name in other)
        raise OpsError(f"restored, these collections are not what was saved: {told}")


def collections(folder: Stored, found: Manifest) -> tuple[list[dict[str, str]], dict[str, Blob]]:
    """What the agent is told of each collection, and the files that go along, by their digests."""
    named: list[dict[str, str]] = []
    blobs: dict[str, Blob] = {}
    for pair in found.collections.items():
        digests = [found.parts[name].sha256 if name else "" for name in pair]
        blobs |= {found.parts[name].sha256: folder / name for name in pair if name}
        named.append(dict(zip(("metadata", "bson"), digests, strict=True)))
    return named, blobs
