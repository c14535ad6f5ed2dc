"""
A site that writes down who asks, in a file and in its database, and knows each visitor again.
"""

import hmac
import os
from pathlib import Path

import bottle
import pymongo

application = bottle.Bottle()
DATA = Path("data")
entries = pymongo.MongoClient(os.environ["MONGODB_URI"])[os.environ["MONGODB_DATABASE"]].entries


@application.get("/")
def index() -> str:
    return "the ledger"


@application.post("/write")
def write() -> str:
    """An entry in both, or an error."""
    entry = bottle.request.query.n
    with (DATA / "entries").open("a") as out:
        out.write(f"{entry}\n")
    entries.insert_one({"_id": entry})
    return entry


@application.get("/session")
def session() -> str:
    """What only this site's own key can have signed."""
    return hmac.new(os.environ["SECRET_KEY"].encode(), b"visitor", "sha256").hexdigest()
