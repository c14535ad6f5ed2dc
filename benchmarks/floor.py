"""
The floor: one paramiko connection, one exec, everything in it, and no safety at all.

    floor.py look|apply ADDRESS PORT IDENTITY KNOWN_HOSTS WORLD

WORLD is a JSON file of the items that a site is made of (see `world.py`).  `look` says which of
them differ on the server; `apply` writes those and starts the units.  It knows no plan, no
compare-and-swap, no journal, no probes and no way back: whoever wants those pays the difference.
"""

import json
import sys
from pathlib import Path

import paramiko

ON_THE_SERVER = r"""
import base64, grp, hashlib, json, os, pwd, subprocess, sys

def differs(item):
    try:
        found = os.lstat(item["path"])
    except OSError:
        return True
    if item["kind"] == "symlink":
        return os.readlink(item["path"]) != item["target"]
    owners = pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name
    if (found.st_mode & 0o7777, *owners) != (item["mode"], item["owner"], item["group"]):
        return True
    if item["kind"] == "directory" or item.get("merged"):
        return False
    with open(item["path"], "rb") as file:
        return hashlib.sha256(file.read()).hexdigest() != item["digest"]

def make(item):
    path = item["path"]
    if item["kind"] == "symlink":
        os.symlink(item["target"], path + ".new")
        os.rename(path + ".new", path)
        return
    if item["kind"] == "directory":
        os.makedirs(path, exist_ok=True)
    else:
        with open(path + ".new", "wb") as file:
            file.write(base64.b64decode(item["content"]))
        os.rename(path + ".new", path)
    os.chown(path, pwd.getpwnam(item["owner"]).pw_uid, grp.getgrnam(item["group"]).gr_gid)
    os.chmod(path, item["mode"])

def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

def waiting(units):
    told = run("systemctl", "show", "-p", "Id,ActiveState,UnitFileState", *units)
    for block in told.strip().split("\n\n"):
        state = dict(line.split("=", 1) for line in block.splitlines())
        if (state["ActiveState"], state["UnitFileState"]) != ("active", "enabled"):
            yield state["Id"]

users = [user for user in WORLD["users"] if user not in {each.pw_name for each in pwd.getpwall()}]
changed = [item for item in WORLD["items"] if differs(item)]
units = list(waiting(WORLD["units"]))
if MODE == "apply":
    for user in users:
        run("useradd", "--system", "--user-group", "--shell", "/usr/sbin/nologin", user)
    for item in changed:
        make(item)
    if any("/systemd/" in item["path"] for item in changed):
        run("systemctl", "daemon-reload")
    if units:
        run("systemctl", "enable", "--now", "--quiet", *units)
    if any("/nginx/" in item["path"] for item in changed):
        run("nginx", "-t", "-q")
        run("systemctl", "reload", "nginx")
print(json.dumps({"users": users, "items": len(changed), "units": len(units)}))
"""


def main(mode: str, address: str, port: str, identity: str, known_hosts: str, world: str) -> None:
    client = paramiko.SSHClient()
    client.load_host_keys(known_hosts)
    client.connect(
        address,
        port=int(port),
        username="root",
        key_filename=identity,
        look_for_keys=False,
        allow_agent=False,
    )
    told, answer, errors = client.exec_command("python3 -I -S -")
    told.write(f"MODE = {mode!r}\nWORLD = {json.loads(Path(world).read_text())!r}\n")
    told.write(ON_THE_SERVER)
    told.channel.shutdown_write()
    print(answer.read().decode(), end="")
    print(errors.read().decode(), end="", file=sys.stderr)
    code = answer.channel.recv_exit_status()
    client.close()
    raise SystemExit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
