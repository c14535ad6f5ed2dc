"""
The program that copies a database out of MongoDB and into it, as text: pymongo is with our tools.

It reads one order as JSON from its standard input, and writes frames: messages, and after each
`piece` the bytes themselves.  Files are as mongodump writes them (MongoDB Database Tools manual,
"mongodump"; its metadata is canonical Extended JSON).
"""

PROGRAM = r"""
import base64, hashlib, json, os, re, socket, sys
from urllib.parse import quote
import bson
from bson import json_util
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

ENOUGH = 8 << 20  # bytes in one batch
WAIT = {"serverSelectionTimeoutMS": 60000, "connectTimeoutMS": 10000, "socketTimeoutMS": 600000}
RAW = CodecOptions(document_class=RawBSONDocument)
order, out = json.load(sys.stdin), sys.stdout.buffer
client = MongoClient(order["admin"], appname="cinestream", **WAIT)

def send(content):
    out.write(b"%d\n%b" % (len(content), content))
    out.flush()

def tell(**message): send(json.dumps(message).encode())

def piece(to, content):
    tell(piece=to)
    send(content)

class Refusal(Exception): pass

def file_name(collection):
    # Go's url.PathEscape, and mongodump's own rule for what would be too long for a file.
    escaped = quote(collection, safe="$&+=:@")
    if len(escaped) <= 238: return escaped
    hashed = base64.urlsafe_b64encode(hashlib.sha1(collection.encode()).digest())
    return escaped[:208] + "%24" + hashed.decode().rstrip("=")

def listed(db):
    found = [each for each in db.list_collections() if not each["name"].startswith("system.")]
    for each in found:
        if each["type"] not in ("collection", "view"):
            raise Refusal(f"collection `{each['name']}` is a {each['type']}: no copy is made of it")
    return sorted(found, key=lambda each: each["name"])

def metadata(db, found):
    view = found["type"] == "view"
    told = {"options": found["options"]} if found.get("options") else {}
    told["indexes"] = [] if view else list(db[found["name"]].list_indexes())
    if "uuid" in found["info"]: told["uuid"] = found["info"]["uuid"].hex()
    told |= {"collectionName": found["name"], "type": found["type"]}
    return json_util.dumps(told, json_options=json_util.CANONICAL_JSON_OPTIONS).encode()

def batches(collection, session=None):
    # Whole documents, as they lie there; in the order of their ids two equal copies are equal.
    yield from collection.find_raw_batches(sort=[("_id", 1)], session=session)

def counted(batch):
    at = count = 0
    while at < len(batch):
        at += int.from_bytes(batch[at:at + 4], "little")
        count += 1
    return count

def dump():
    db = client[order["database"]]
    snapshot = "setName" in client.admin.command("hello")
    counts = {}
    with client.start_session(snapshot=snapshot) as session:
        for found in listed(db):
            name, file = found["name"], file_name(found["name"])
            piece(f"{file}.metadata.json", metadata(db, found))
            if found["type"] == "view": continue
            counts[f"{file}.bson"] = 0
            piece(f"{file}.bson", b"")
            # Of a capped collection MongoDB has no snapshots.
            at_once = None if found.get("options", {}).get("capped") else session
            for batch in batches(db[name], at_once):
                counts[f"{file}.bson"] += counted(batch)
                piece(f"{file}.bson", batch)
    return {"documents": counts, "snapshot": snapshot}

def made(db, each):
    with open(each["metadata"]) as file:
        told = json_util.loads(file.read(), json_options=json_util.CANONICAL_JSON_OPTIONS)
    db.command({"create": told["collectionName"], **told.get("options", {})})
    return told

def filled(collection, path):
    batch, size = [], 0
    with open(path, "rb") as file:
        for document in bson.decode_file_iter(file, RAW):
            batch.append(document)
            size += len(document.raw)
            if size > ENOUGH:
                collection.insert_many(batch, bypass_document_validation=True)
                batch, size = [], 0
    if batch: collection.insert_many(batch, bypass_document_validation=True)

def load():
    db = client[order["database"]]
    # A view comes after what it looks at.
    for each in sorted(order["load"], key=lambda each: not each["bson"]):
        told = made(db, each)
        if not each["bson"]: continue
        name = told["collectionName"]
        filled(db.get_collection(name, RAW), each["bson"])
        indexed(db, name, told["indexes"])

def indexed(db, name, indexes):
    indexes = [index for index in indexes if index["name"] != "_id_"]
    for index in indexes: index.pop("ns", None)
    if indexes: db.command("createIndexes", name, indexes=indexes)

def copy():
    db, to = client[order["database"]], client[order["to"]]
    snapshot = "setName" in client.admin.command("hello")
    with client.start_session(snapshot=snapshot) as session:
        # A view comes after what it looks at.
        for found in sorted(listed(db), key=lambda each: each["type"] == "view"):
            name, options = found["name"], found.get("options", {})
            to.command({"create": name, **options})
            if found["type"] == "view": continue
            into = to.get_collection(name, RAW)
            for batch in batches(db[name], None if options.get("capped") else session):
                if not batch: continue
                documents = list(bson.decode_iter(batch, RAW))
                into.insert_many(documents, bypass_document_validation=True)
            indexed(to, name, db[name].list_indexes())
    return {"snapshot": snapshot}

def held():
    db, found = client[order["database"]], {}
    for each in listed(db):
        if each["type"] == "view": continue
        digest, count = hashlib.sha256(), 0
        for batch in batches(db[each["name"]]):
            digest.update(batch)
            count += counted(batch)
        told = {"sha256": digest.hexdigest(), "documents": count}
        found[f"{file_name(each['name'])}.bson"] = told
    return {"held": found}

def began(process):
    # Field 22 of proc(5)'s stat; the name before it may hold anything.
    try:
        with open(f"/proc/{process}/stat") as file: told = file.read()
    except OSError: return ""
    return told.rpartition(")")[2].split()[19]

def ours():
    # Other servers may load into the same MongoDB.
    name = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:12]
    return f"cinestream_verify_{name}"

def scratch():
    return f"{ours()}_{os.getpid()}_{began(os.getpid())}"

def sweep():
    # What a check that was killed left behind; one that still runs has its own.
    for name in client.list_database_names():
        found = re.fullmatch(rf"{ours()}_(\d+)_(\d+)", name)
        if found and began(found[1]) != found[2]: client.drop_database(name)

def check():
    order["database"] = scratch()
    try:
        load()
        return held()
    finally:
        client.drop_database(order["database"])

def measure():
    db = client[order["database"]]
    return {"size": int(db.command("dbStats")["dataSize"]), "collections": len(listed(db))}

WAYS = {"dump": dump, "load": load, "copy": copy, "check": check, "measure": measure}
try:
    sweep()
    answer = WAYS[order["do"]]() or {}
except Refusal as error:
    hint = "keep it in a database of its own, which `mongodump` saves"
    answer = {"refused": str(error), "hint": hint}
except (PyMongoError, bson.errors.BSONError) as error:
    answer = {"refused": str(error).split(", full error")[0].split(", Timeout:")[0]}
tell(**answer)
"""
