"""
The program that speaks to MongoDB, as text: it runs on our own tools, where pymongo is.

It reads one order as JSON from its standard input, and answers with JSON.  Without any user yet,
mongod lets its own machine make the first one: hence the stranger.
"""

PROGRAM = r"""
import json, sys
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

UNAUTHORIZED, NO_USER, NO_LOGIN, OTHER_OPTIONS = 13, 11, 18, 85
WAIT = {"serverSelectionTimeoutMS": 60000, "connectTimeoutMS": 10000, "socketTimeoutMS": 120000}
# Not enableProfiler: the threshold and the sample rate of `profile` are those of all databases.
ACTIONS = [
    "bypassDocumentValidation", "collMod", "compact", "dropDatabase", "indexStats",
    "planCacheIndexFilter", "planCacheRead", "planCacheWrite", "reIndex", "validate",
]
order = json.load(sys.stdin)

def client(uri=None):
    return MongoClient(uri or order["admin"], appname="cinestream", **WAIT)

def lets_in(uri):
    try:
        client(uri).admin.command("ping")
    except OperationFailure as error:
        if error.code != NO_LOGIN: raise
        return False
    return True

def make_admin():
    told = parse_uri(order["admin"])
    if lets_in(order["admin"]): return
    host, port = told["nodelist"][0]
    stranger = MongoClient(host, port, directConnection=True, **WAIT)
    try:
        stranger.admin.command("createUser", told["username"], pwd=told["password"], roles=["root"])
    except OperationFailure as error:
        if error.code != UNAUTHORIZED: raise
        raise Refusal("it has users already, and none with the password that we know")

def drop_admin():
    drop(client().admin, parse_uri(order["admin"])["username"])

def make_user():
    name, database, told = order["user"], order["database"], parse_uri(order["uri"])
    if (told["username"], told["database"]) != (name, database):
        raise Refusal(f"the URI is not one of user `{name}` for database `{database}`")
    db = client()[database]
    make_role(db)
    roles = [{"role": order["role"], "db": database}]
    there = db.command("usersInfo", name)["users"]
    if not there:
        db.command("createUser", name, pwd=told["password"], roles=roles)
    elif lets_in(order["uri"]):
        db.command("updateUser", name, roles=roles)
    else:
        db.command("updateUser", name, pwd=told["password"], roles=roles)
    if not lets_in(order["uri"]):
        raise Refusal(f"user `{name}` was made, and is not let in by the site's URI")

def make_role(db):
    # All that dbAdmin may do with collections, and nothing to the server that all sites share.
    told = {
        "privileges": [{"resource": {"db": db.name, "collection": ""}, "actions": ACTIONS}],
        "roles": [{"role": "readWrite", "db": db.name}],
    }
    there = db.command("rolesInfo", order["role"])["roles"]
    db.command("updateRole" if there else "createRole", order["role"], **told)

def drop_user():
    drop(client()[order["database"]], order["user"])

def drop(db, name):
    try:
        db.command("dropUser", name)
    except OperationFailure as error:
        if error.code != NO_USER: raise

def is_there():
    if order["user"]:
        there = client()[order["database"]].command("usersInfo", order["user"])["users"]
    else:
        there = lets_in(order["admin"])
    return {"there": bool(there)}

def make_indexes():
    db = client()[order["database"]]
    for index in order["indexes"]:
        keys, options = [tuple(key) for key in index["keys"]], {}
        if index.get("unique"): options["unique"] = True
        life = index.get("expire_after")
        if life is not None: options["expireAfterSeconds"] = life
        try:
            db[index["collection"]].create_index(keys, **options)
        except OperationFailure as error:
            if error.code != OTHER_OPTIONS or set(options) != {"expireAfterSeconds"}: raise
            db.command("collMod", index["collection"], index={"keyPattern": dict(keys), **options})

def drop_database():
    client().drop_database(order["database"])
    client()[order["database"]].command("dropAllUsersFromDatabase")
    client()[order["database"]].command("dropAllRolesFromDatabase")

class Refusal(Exception): pass

WAYS = {
    "admin": make_admin, "drop-admin": drop_admin, "user": make_user, "drop-user": drop_user,
    "is-there": is_there, "indexes": make_indexes, "drop-database": drop_database,
}
try:
    answer = WAYS[order["do"]]() or {}
except (PyMongoError, Refusal) as error:
    told = str(error).split(", full error")[0].split(" (configured")[0].split(", Timeout:")[0]
    ours = isinstance(error, (Refusal, OperationFailure))
    answer = {"refused": told, "code": getattr(error, "code", None), "judged": ours}
print(json.dumps(answer))
"""
