"""
Runs on the server: everything there that a change could have touched, as JSON by address.

It may not change anything, and knows nothing of cinestream but its places.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDERS = (
    "/etc/cinestream", "/etc/nginx", "/etc/systemd/system", "/etc/logrotate.d", "/etc/sysctl.d",
    "/etc/ssl", "/etc/letsencrypt", "/usr/lib/cinestream", "/opt/mongodb", "/var/lib/cinestream",
    "/var/lib/systemd/linger", "/var/www",
)  # fmt: skip
# What lives by itself, is filled once and for all, or tells of the work and not of its result.
PASSED = re.compile(
    r".*/__pycache__|/opt/mongodb/(data|logs|versions)/.*|/usr/lib/cinestream/(venv|runners/\w+)/.*"
    r"|/var/www/[^/]+/(releases|venvs)/[^/]+/.*|/var/lib/cinestream/(lock|ledger.json|mongodb.json|history.*|incoming.*)"
    r"|/etc/ssl/certs/.*|/etc/letsencrypt/(accounts|csr|keys|renewal-hooks)/.*"
)
# Renewed by every certificate, deploy or look: what counts is that they are there.
RESTLESS = re.compile(r"/etc/letsencrypt/.*|/var/lib/cinestream/.*\.json|/etc/letsencrypt")
MOMENT = re.compile(rb'(?m)^deployed = .*\n|"?deployed"? ?[=:] ?"[^"]*",?')
OURS = re.compile(r"shop|blog|diary|cinestream|nginx|mongodb|certbot|movie_app|trial")


def files() -> Iterator[tuple[str, str]]:
    for top in FOLDERS:
        for folder, inner, names in os.walk(top):
            here = [name for name in inner if not passed(f"{folder}/{name}")]
            links = [name for name in here if Path(folder, name).is_symlink()]
            inner[:] = here
            yield folder, mark(folder)
            for path in (f"{folder}/{name}" for name in [*names, *links]):
                if not passed(path):
                    yield path, mark(path)


def passed(path: str) -> bool:
    return PASSED.fullmatch(path) is not None


def mark(path: str) -> str:
    """Kind and mode, owner, group, and a digest of what is in it."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        return f"-> {Path(path).readlink()}"
    whose = f"{owner(found.st_uid)}:{group(found.st_gid)}"
    digest = ""
    if stat.S_ISREG(found.st_mode) and not RESTLESS.fullmatch(path):
        digest = hashlib.sha256(MOMENT.sub(b"", Path(path).read_bytes())).hexdigest()
    return f"{stat.filemode(found.st_mode)} {whose} {digest}".rstrip()


def owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def owned() -> Iterator[tuple[str, str]]:
    """What cinestream remembers as its own, and as made in MongoDB."""
    yield from ((f"owned.json {key}", "") for key in remembered("owned.json"))
    # What was made in a MongoDB that is gone holds for no other, and counts for nothing.
    if Path("/opt/mongodb/data").is_dir():
        made = remembered("mongodb.json").get("made", ())
        yield from ((f"mongodb.json {key}", "") for key in made)


def remembered(name: str) -> dict[str, Any]:
    path = Path("/var/lib/cinestream", name)
    return dict(json.loads(path.read_text())) if path.exists() else {}


def units() -> Iterator[tuple[str, str]]:
    told = said("systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager")
    for line in told.splitlines():
        name, loaded, active, under, *_ = line.split()
        # A slice of systemd's own making comes and goes with what is in it.
        # Those of a site's journal systemd ends by itself, a moment after who needed them.
        its_own = name.startswith(("system-", "systemd-journald"))
        if OURS.search(name) and active != "inactive" and not its_own:
            yield f"unit {name}", f"{loaded} {active} {under}"


def listeners() -> Iterator[tuple[str, str]]:
    for line in said("ss", "-Hltn").splitlines():
        yield f"listener {line.split()[3]}", ""


def rules() -> Iterator[tuple[str, str]]:
    if Path("/usr/sbin/nft").exists():
        told = said("/usr/sbin/nft", "--stateless", "list", "ruleset")
        # Who has a connection just now is no state of ours.
        yield "nftables", re.sub(r"(?s)\tset visitors6? \{.*?\n\t\}\n", "", told)


def users() -> Iterator[tuple[str, str]]:
    for each in pwd.getpwall():
        yield f"user {each.pw_name}", f"{each.pw_dir} {each.pw_shell}"
    for one in grp.getgrall():
        yield f"group {one.gr_name}", ",".join(sorted(one.gr_mem))


ASK = """
import sys, pymongo
client = pymongo.MongoClient(sys.stdin.read(), serverSelectionTimeoutMS=15000)
for each in client.admin.command({"usersInfo": {"forAllDBs": True}})["users"]:
    print(each["user"], each["db"], sorted((role["role"], role["db"]) for role in each["roles"]))
"""


def database_users() -> Iterator[tuple[str, str]]:
    """As the administrator that the server has sees them; nobody, where there is none yet."""
    env = Path("/etc/cinestream/mongodb.env")
    python = "/usr/lib/cinestream/venv/bin/python"
    if env.exists() and Path(python).exists():
        uri = env.read_text().partition("MONGODB_ADMIN_URI=")[2].splitlines()[0].strip("'\"")
        for line in said(python, "-c", ASK, told=uri).splitlines():
            user, database, roles = line.split(" ", 2)
            yield f"database user {user}@{database}", roles


def said(*argv: str, told: str = "") -> str:
    done = subprocess.run(argv, input=told, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout if not done.returncode else done.stderr


def main() -> None:
    parts = (files, owned, units, listeners, rules, users, database_users)
    json.dump({address: told for part in parts for address, told in part()}, sys.stdout)


if __name__ == "__main__":
    main()
