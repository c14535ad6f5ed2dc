"""
Whether MongoDB answers, asked within a bound; and if it does not, why.

One that runs here is asked by hand, which takes a millisecond and no password.  One elsewhere may
want TLS and names that are looked up, so our own tools ask it, and only where a site has trouble.
"""

from __future__ import annotations

import socket
import struct
from typing import Tuple

from cinestream_ops.agent import env, systemd, tools
from cinestream_ops.agent.refused import Refused

HERE, UNIT = ("127.0.0.1", 27017), "mongodb.service"
PATIENCE, OF_OTHERS = 2, 10  # seconds
FIELDS = b"\x10hello\0\1\0\0\0" + b"\x02$db\0\6\0\0\0admin\0"
DOCUMENT = struct.pack("<i", len(FIELDS) + 5) + FIELDS + b"\0"  # {hello: 1, $db: "admin"} in BSON
OP_MSG = 2013
# MongoDB's wire protocol; nobody has to log in to say it.
HELLO = struct.pack("<iiiiIB", 21 + len(DOCUMENT), 1, 0, OP_MSG, 0, 0) + DOCUMENT

PROGRAM = r"""
import json, sys
from pymongo import MongoClient
from pymongo.errors import PyMongoError

BOUNDS = ("serverSelectionTimeoutMS", "connectTimeoutMS", "socketTimeoutMS")
why, uri = "", json.load(sys.stdin)["admin"]
try:
    MongoClient(uri, appname="cinestream", **dict.fromkeys(BOUNDS, 3000)).admin.command("ping")
except PyMongoError as error:
    why = str(error).split(", full error")[0].split(" (configured")[0].split(", Timeout:")[0]
    where = uri.rpartition("@")[2].partition("/")[0]
    why = why if where in why else f"{where}: {why}"
print(json.dumps({"why": why}))
"""


def trouble(where: str, *, missed: bool) -> str:
    """
    Why MongoDB does not answer, in words that follow its name; empty if it does.

    *where* is `archive` for the one that is run here, `external` for another, or empty for none;
    it is *missed* by who cannot serve.
    """
    if where == "archive":
        return of_ours()
    return of_another() if where == "external" and missed else ""


def of_ours() -> str:
    why = silence(HERE)
    state = systemd.running([UNIT]).get(UNIT, "inactive") if why else ""
    if state in systemd.IDLE:
        return f"does not run: `{UNIT}` is {state}"
    return f"runs, but does not answer: {why}" if why else ""


def silence(address: Tuple[str, int], patience: float = PATIENCE) -> str:
    """Why nobody who speaks the protocol answers at *address*; empty if somebody does."""
    try:
        with socket.create_connection(address, patience) as stream:
            stream.sendall(HELLO)
            return "" if stream.recv(1) else "it hangs up"
    except OSError as error:
        return str(error)


def of_another() -> str:
    order = {"admin": env.admin()}
    try:
        why = tools.ask("it", PROGRAM, order, OF_OTHERS)["why"]
    except Refused as error:
        why = error.why
    return f"does not answer: {why}" if why else ""
