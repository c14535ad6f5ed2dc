"""
A site that does what no site should.

At its start it does what the file `start` in its data says: `quit` or `hang`.  Asked for `/leak`,
`/fork` or `/chatter` it begins with that.
"""

import os
import sys
import threading
import time
from pathlib import Path

START = Path.home() / "start"
said = 0


def quit_at_once() -> None:
    sys.stderr.write("the till is broken\n")
    os._exit(7)


def hang() -> None:
    time.sleep(3600)


def leak() -> None:
    kept = []
    while True:
        kept.append(b"x" * (4 << 20))


def fork() -> None:
    while True:
        try:
            if not os.fork():
                time.sleep(3600)
                os._exit(0)
        except OSError:
            time.sleep(0.5)


def chatter() -> None:
    global said
    for said in range(100_000):
        sys.stderr.write(f"chatter {said}\n")


AT_START = {"quit": quit_at_once, "hang": hang}
WHEN_ASKED = {"/leak": leak, "/fork": fork, "/chatter": chatter}

if START.exists():
    AT_START[START.read_text().strip()]()


def application(environ, start_response):
    way = WHEN_ASKED.get(environ["PATH_INFO"])
    if way:
        threading.Thread(target=way, daemon=True).start()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {said}".encode()]
