"""
The same site by pyinfra: `pyinfra HOST deploy.py --data world=WORLD.json`.
"""

import base64
import io
import json
from pathlib import Path

from pyinfra import host
from pyinfra.operations import files, server, systemd

world = json.loads(Path(host.data.get("world")).read_text())

for user in world["users"]:
    server.user(
        name=f"user {user}", user=user, system=True, shell="/usr/sbin/nologin", ensure_home=False
    )
changed = []
for item in world["items"]:
    path = item["path"]
    if item["kind"] == "symlink":
        files.link(name=path, path=path, target=item["target"])
        continue
    rights = {"user": item["owner"], "group": item["group"], "mode": f"{item['mode']:o}"}
    if item["kind"] == "directory":
        files.directory(name=path, path=path, **rights)
    elif item.get("merged"):
        files.file(name=path, path=path, **rights)
    else:
        text = io.StringIO(base64.b64decode(item["content"]).decode())
        changed.append((path, files.put(name=path, src=text, dest=path, **rights)))

units = [done for path, done in changed if "/systemd/" in path]
pages = [done for path, done in changed if "/nginx/" in path]
systemd.daemon_reload(
    name="systemd reads its units", _if=lambda: any(done.did_change() for done in units)
)
for unit in world["units"]:
    systemd.service(name=unit, service=unit, running=True, enabled=True)
server.shell(
    name="nginx -t", commands=["nginx -t"], _if=lambda: any(done.did_change() for done in pages)
)
systemd.service(
    name="nginx",
    service="nginx.service",
    reloaded=True,
    _if=lambda: any(done.did_change() for done in pages),
)
